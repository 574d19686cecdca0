/** The audit log of the organization: who did what and when, found by text, person and time. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { api, take } from '../../api/client'
import { useAddress } from '../../product'
import { Button, buttonClass } from '../../ui/button'
import { Card, Failure, Notice, Skeleton } from '../../ui/layout'
import { Pager } from '../../ui/table'
import { count } from '../../ui/text'
import { AuditFilters } from './audit-filters'
import { AuditTable } from './audit-table'
import { pageOf, useUrl } from './parts/url'

/** What the address can narrow the log by, as the API names it. */
const FILTERS = ['search', 'actor', 'since', 'until'] as const

const EVERY = 10_000

export default function Audit() {
  const { org = '' } = useAddress()
  const url = useUrl()
  const page = pageOf(url)
  const filters = Object.fromEntries(FILTERS.map((name) => [name, url.text(name) || undefined]))
  const narrowed = Object.values(filters).some(Boolean)
  const log = useQuery({
    queryKey: ['org-audit', org, page, filters],
    placeholderData: keepPreviousData,
    // New entries come on the first page; on others the rows would move under the reader.
    refetchInterval: page === 1 ? EVERY : false,
    queryFn: ({ signal }) => {
      const query = { ...filters, 'pagination[page]': page, 'pagination[page_size]': 50 }
      return take(api.GET('/api/orgs/{org}/audit_logs', { params: { path: { org }, query: query as never }, signal }))
    },
  })
  const clear = () => url.change(Object.fromEntries([...FILTERS, 'page'].map((name) => [name, undefined])))
  return (
    <Card
      title="Audit log"
      actions={
        <>
          <Export org={org} filters={filters} format="csv" />
          <Export org={org} filters={filters} format="json" />
        </>
      }
    >
      <div className="stack-small">
        <p className="small muted">
          Entries are kept for ever. Each is sealed into a chain within seconds; <code>nervecenter admin verify-audit</code> on the server tells
          whether one was altered or removed.
        </p>
        <AuditFilters url={url} />
        <p className="row small" aria-live="polite">
          <span className="num">{log.data && `${count(log.data.pagination.total_entries)} entries${narrowed ? ' match' : ''}`}</span>
          {narrowed && (
            <Button small onClick={clear}>
              Show all
            </Button>
          )}
        </p>
        {log.error && <Failure error={log.error} again={() => void log.refetch()} />}
        {log.isPending && <Skeleton lines={8} />}
        {log.data?.data.length === 0 && !narrowed && (
          <Notice>Nothing has happened yet. What people, devices and rules do in this organization is written down here.</Notice>
        )}
        {log.data && (log.data.data.length > 0 || narrowed) && <AuditTable org={org} entries={log.data.data} onActor={(actor) => url.change({ actor, page: undefined })} />}
        <Pager at={log.data?.pagination} onPage={(next) => url.change({ page: next === 1 ? undefined : next })} />
      </div>
    </Card>
  )
}

/** A file of all entries that the filters leave, however many. */
function Export({ org, filters, format }: { org: string; filters: Record<string, string | undefined>; format: 'csv' | 'json' }) {
  const written = new URLSearchParams({ format })
  for (const [name, value] of Object.entries(filters)) if (value) written.set(name, value)
  return (
    <a className={buttonClass} data-size="small" href={`/api/orgs/${encodeURIComponent(org)}/audit_logs/export?${written.toString()}`} download>
      <Download size={14} aria-hidden /> {format.toUpperCase()}
    </a>
  )
}
