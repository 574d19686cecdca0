/** "Who did that?" The audit log of a product, newest first; each view is its address. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { api, take } from '../../api/client'
import type { AuditEntry, Pagination } from '../../api/types'
import { useProduct } from '../../product'
import { Button } from '../../ui/button'
import { Empty, Failure, Page, Skeleton } from '../../ui/layout'
import { Pager } from '../../ui/table'
import { count } from '../../ui/text'
import { type Filters, pageOf, useFilters, useLastPage } from '../../address/filters'
import { UNFILTERED, askedOf, isFiltered } from './asked'
import { AuditFilters } from './audit-filters'
import { AuditTable } from './audit-table'
import { Chain } from './chain'
import { AuditExport } from './export'

type AuditPage = { data: AuditEntry[]; pagination: Pagination }

export default function Audit() {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const page = pageOf(filters)
  const entries = useQuery({
    queryKey: ['audit', org, product, filters.q, filters.actor, filters.since, filters.until, page],
    placeholderData: keepPreviousData,
    // New entries would push those of later pages on while somebody reads them.
    refetchInterval: page === 1 ? 10_000 : false,
    queryFn: ({ signal }) => {
      const params = { path: { org, product }, query: { ...askedOf(filters), 'pagination[page]': page } }
      return take(api.GET('/api/orgs/{org}/products/{product}/audit_logs', { params, signal })) as Promise<AuditPage>
    },
  })
  const found = entries.data
  useLastPage(found?.pagination, change)
  return (
    <Page
      title="Audit"
      heading={
        <>
          <h1>Audit</h1>
          {found && (
            <span className="muted num" aria-live="polite">
              {count(found.pagination.total_entries)} {found.pagination.total_entries === 1 ? 'entry' : 'entries'}
            </span>
          )}
        </>
      }
      actions={
        <>
          {/* The export holds the entries of the whole organization. */}
          <span className="small muted">of all of {org}:</span>
          <AuditExport org={org} filters={filters} />
        </>
      }
    >
      <AuditFilters filters={filters} onChange={change} />
      {entries.error && <Failure error={entries.error} again={() => void entries.refetch()} />}
      {entries.isPending && <Skeleton lines={8} />}
      {found?.pagination.total_entries === 0 && <Nothing filters={filters} onClear={() => change(UNFILTERED)} />}
      {found && found.pagination.total_entries > 0 && (
        <>
          <AuditTable label="Audit log" entries={found.data} org={org} product={product} onActor={(actor) => change({ actor })} />
          <Pager at={found.pagination} onPage={(p) => change({ page: String(p) })} />
        </>
      )}
      {found && <Chain newest={page === 1 ? found.data : []} />}
    </Page>
  )
}

function Nothing({ filters, onClear }: { filters: Filters; onClear: () => void }) {
  if (isFiltered(filters)) {
    return (
      <Empty title="No entry matches">
        <Button onClick={onClear}>Clear the filters</Button>
      </Empty>
    )
  }
  return (
    <Empty title="Nothing has happened yet">
      <p>
        Everything that people, devices and the rules of deployment groups do in this product is written down here, and is kept for ever: who
        released what, which device was updated, who opened a console, what a script was asked.
      </p>
    </Empty>
  )
}
