/** What was done to the group and by it, newest first. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { api, take } from '../../api/client'
import type { AuditEntry, Pagination } from '../../api/types'
import { paths } from '../../paths'
import { TextField } from '../../ui/form'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { type Column, Pager, Table } from '../../ui/table'
import { Time } from '../../ui/time'
import { useTyped } from '../../ui/use-typed'
import { groupKey, useGroupAddress } from './group-api'
import { usePage } from './use-page'

export default function Activity() {
  const at = useGroupAddress()
  const raw = useSearch({ strict: false }) as Record<string, unknown>
  const navigate = useNavigate()
  const [page, setPage] = usePage('activity')
  const asked = raw.q === undefined ? '' : String(raw.q)
  const [text, setText] = useTyped(
    asked,
    (q) => void navigate({ ...paths.group(at.org, at.product, at.group, 'activity', { q: q || undefined }), replace: true }),
  )
  const log = useQuery({
    queryKey: groupKey(at, 'activity', asked, page),
    refetchInterval: 15_000,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const query = { search: asked || undefined, 'pagination[page]': page }
      return take(
        api.GET('/api/orgs/{org}/products/{product}/deployments/{name}/audit_logs', { params: { path: at.path, query: query as never }, signal }),
      ) as Promise<{ data: AuditEntry[]; pagination: Pagination }>
    },
  })
  return (
    <Card title="Activity">
      <div className="stack-small">
        <TextField label="Find in what was done" type="search" value={text} onChange={(e) => setText(e.target.value)} />
        {log.error && <Failure error={log.error} again={() => void log.refetch()} />}
        {log.isPending && <Skeleton lines={5} />}
        {log.data && (
          <Table
            label="What was done, newest first"
            rows={log.data.data}
            rowKey={(e) => e.id}
            columns={columns(at.org, at.product)}
            none={asked ? 'Nothing matches.' : 'Nothing was done yet.'}
          />
        )}
        <Pager at={log.data?.pagination} onPage={setPage} />
      </div>
    </Card>
  )
}

function columns(org: string, product: string): Column<AuditEntry>[] {
  return [
    {
      name: 'When',
      cell: (e) => (
        <span style={{ whiteSpace: 'nowrap' }}>
          <Time at={e.at} />
        </span>
      ),
    },
    { name: 'Who', cell: (e) => <Who entry={e} /> },
    { name: 'What', names: true, cell: (e) => <span style={{ fontWeight: 400, overflowWrap: 'anywhere' }}>{e.description}</span> },
    {
      name: 'Of',
      cell: (e) =>
        e.resource_type === 'device' && e.resource ? (
          <Link className="mono" {...paths.device(org, product, e.resource)}>
            {e.resource}
          </Link>
        ) : (
          (e.resource ?? '–')
        ),
    },
  ]
}

function Who({ entry: e }: { entry: AuditEntry }) {
  if (e.actor_type === 'deployment_group') return <span className="muted">its rules</span>
  const name = e.actor ?? (e.actor_type === 'user' ? 'somebody who is gone' : 'a device that is gone')
  return <span title={e.actor_email ?? undefined}>{name}</span>
}
