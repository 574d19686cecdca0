/** The updates that are on their way, oldest first, with how far each is as the devices tell it. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { useLiveDevice } from '../../live/live'
import { paths } from '../../paths'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Pager, Table } from '../../ui/table'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'
import { type InFlight, groupKey, useGroupAddress } from './group-api'
import { paged } from '../../address/paged'
import css from './group.module.css'

/** The API names a thousand at most. */
const MOST = 1000

export function InFlightCard() {
  const at = useGroupAddress()
  const [page, setPage] = useState(1)
  const list = useQuery<InFlight[]>({
    queryKey: groupKey(at, 'inflight'),
    refetchInterval: 5_000,
    queryFn: ({ signal }) => data(api.GET('/api/orgs/{org}/products/{product}/deployments/{name}/inflight', { params: { path: at.path }, signal })),
  })
  const all = list.data ?? []
  const { rows, pagination } = paged(all, page)
  return (
    <Card
      title="On their way"
      actions={list.data && <span className="small muted num">{all.length >= MOST ? 'the first 1,000' : count(all.length)}</span>}
    >
      {list.error && <Failure error={list.error} again={() => void list.refetch()} />}
      {list.isPending && <Skeleton />}
      {list.data && all.length === 0 && <p className="muted">No update is in flight.</p>}
      {all.length > 0 && (
        <div className="stack-small">
          <Table
            label="Updates in flight"
            rows={rows}
            rowKey={(r) => r.device}
            columns={[
              {
                name: 'Device',
                names: true,
                cell: (r) => (
                  <Link className="mono" {...paths.device(at.org, at.product, r.device, 'firmware')}>
                    {r.device}
                  </Link>
                ),
              },
              { name: 'Stage', cell: (r) => <Stage update={r} listed={list.dataUpdatedAt} /> },
              { name: 'File', cell: (r) => (r.kind === 'full' ? 'whole' : r.kind) },
              { name: 'Chosen', cell: (r) => <Time at={r.since} /> },
              { name: 'Told', cell: (r) => <Time at={r.told_at} /> },
            ]}
          />
          <Pager at={pagination} onPage={setPage} />
        </div>
      )}
    </Card>
  )
}

/** The stage as it was told last: by the event stream, or by the list, which was read at `listed`. Both are times of this browser. */
function Stage({ update, listed }: { update: InFlight; listed: number }) {
  const { org, product } = useGroupAddress()
  const live = useLiveDevice(org, product, update.device)
  // The stream also tells that a device is online or healthy, which says nothing of its update; so what changed is remembered.
  const [told, setTold] = useState({ stage: live?.stage, percent: live?.percent, at: 0 })
  if (live && (live.stage !== told.stage || live.percent !== told.percent)) setTold({ stage: live.stage, percent: live.percent, at: live.at })
  const newer = told.stage !== undefined && told.at > listed
  const { stage, percent } = newer ? told : update
  return (
    <span className="row num" style={{ gap: 6 }}>
      {stage}
      {typeof percent === 'number' && (
        <>
          <span className={css.share} aria-hidden>
            <span style={{ width: `${percent}%` }} />
          </span>
          {percent} %
        </>
      )}
    </span>
  )
}
