/** The audit log of the organization: who did what and when, found by text, person and time. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { api, take } from '../../api/client'
import { useAddress } from '../../product'
import { Card, Failure, Notice, Skeleton } from '../../ui/layout'
import { Pager } from '../../ui/table'
import { counted } from '../../ui/text'
import { askedOf, isFiltered } from '../audit/asked'
import { AuditFilters } from '../audit/audit-filters'
import { AuditTable } from '../audit/audit-table'
import { AuditExport } from '../audit/export'
import { pageOf, useFilters, useLastPage } from '../../address/filters'

const EVERY = 10_000

export default function Audit() {
  const { org = '' } = useAddress()
  const [filters, change] = useFilters()
  const page = pageOf(filters)
  const narrowed = isFiltered(filters)
  const log = useQuery({
    queryKey: ['org-audit', org, filters.q, filters.actor, filters.since, filters.until, page],
    placeholderData: keepPreviousData,
    // New entries come on the first page; on others the rows would move under the reader.
    refetchInterval: page === 1 ? EVERY : false,
    queryFn: ({ signal }) => {
      const query = { ...askedOf(filters), 'pagination[page]': page, 'pagination[page_size]': 50 }
      return take(api.GET('/api/orgs/{org}/audit_logs', { params: { path: { org }, query: query as never }, signal }))
    },
  })
  useLastPage(log.data?.pagination, change)
  return (
    <Card
      title="Audit log"
      actions={<AuditExport org={org} filters={filters} />}
    >
      <div className="stack-small">
        <p className="small muted">
          Entries are kept for ever. Each is sealed into a chain within seconds; <code>nervecenter admin verify-audit</code> on the server tells
          whether one was altered or removed.
        </p>
        <AuditFilters filters={filters} onChange={change} />
        <p className="small num" aria-live="polite">
          {log.data && counted(log.data.pagination.total_entries, narrowed ? 'matching entry' : 'entry', narrowed ? 'matching entries' : 'entries')}
        </p>
        {log.error && <Failure error={log.error} again={() => void log.refetch()} />}
        {log.isPending && <Skeleton lines={8} />}
        {log.data?.data.length === 0 && !narrowed && (
          <Notice>Nothing has happened yet. What people, devices and rules do in this organization is written down here.</Notice>
        )}
        {log.data && (log.data.data.length > 0 || narrowed) && (
          <AuditTable label="Entries of the audit log" entries={log.data.data} org={org} onActor={(actor) => change({ actor })} none="No entry is like this." />
        )}
        <Pager at={log.data?.pagination} onPage={(next) => change({ page: String(next) })} />
      </div>
    </Card>
  )
}
