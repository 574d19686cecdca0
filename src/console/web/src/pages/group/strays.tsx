/** Devices in the group that it is not for, and devices that it is for outside, with a way to move them. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { paths } from '../../paths'
import { atLeast, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { type Column, Pager, Table } from '../../ui/table'
import { attempt, toast } from '../../ui/toast'
import { count, counted } from '../../ui/text'
import { type GroupAddress, type Strays, groupKey, refreshGroup, useGroupAddress } from './group-api'
import { pageOf } from './page-of'

type Move = 'adopt' | 'expel'
type Row = { device: string; note: React.ReactNode }

/** Moves devices into the group or out of it: those that are named, else all strays, a thousand at once. */
async function move(at: GroupAddress, how: Move, devices?: string[]): Promise<void> {
  const path = `/api/orgs/{org}/products/{product}/deployments/{name}/${how}` as const
  const moved = await data(api.POST(path, { params: { path: at.path }, body: devices ? { devices } : {} }))
  await refreshGroup(at)
  if (!devices) toast(`${counted(moved.devices, 'device')} moved${moved.left ? `; ${count(moved.left)} are left, do it again` : ''}.`)
}

export function StraysCard() {
  const at = useGroupAddress()
  const strays = useQuery<Strays>({
    queryKey: groupKey(at, 'strays'),
    refetchInterval: 30_000,
    queryFn: ({ signal }) => data(api.GET('/api/orgs/{org}/products/{product}/deployments/{name}/strays', { params: { path: at.path }, signal })),
  })
  const s = strays.data
  const link = (group: string | null | undefined) => (group ? <Link {...paths.group(at.org, at.product, group)}>in {group}</Link> : 'in no group')
  return (
    <Card title="Strays">
      {strays.error && <Failure error={strays.error} again={() => void strays.refetch()} />}
      {strays.isPending && <Skeleton />}
      {s && s.inside_count + s.outside_count === 0 && <Status tone="ok">Its devices are those that its conditions take.</Status>}
      {s && s.inside_count + s.outside_count > 0 && (
        <div className="stack">
          <Side
            how="expel"
            title="In the group, and it is not for them"
            total={s.inside_count}
            rows={s.inside.map((d) => ({ device: d.device, note: d.reason }))}
          />
          <Side
            how="adopt"
            title="Outside, and it is for them"
            total={s.outside_count}
            rows={s.outside.map((d) => ({ device: d.device, note: link(d.group) }))}
          />
        </div>
      )}
    </Card>
  )
}

const WHAT: Record<Move, { act: string; word: string; back: Move; text: string }> = {
  adopt: {
    act: 'Adopt',
    word: 'adopted',
    back: 'expel',
    text: 'They leave the group that they are in and get the release of this one, within its limits. An update of the other group that they were told of goes on.',
  },
  expel: {
    act: 'Expel',
    word: 'expelled',
    back: 'adopt',
    text: 'They keep what they run, and enter the best group that takes them when they connect. An update that they were told of goes on.',
  },
}

function Side({ how, title, total, rows }: { how: Move; title: string; total: number; rows: readonly Row[] }) {
  const at = useGroupAddress()
  const may = atLeast(useRole(at.org), 'manage')
  const [page, setPage] = useState(1)
  const [asking, setAsking] = useState(false)
  if (total === 0) return null
  const what = WHAT[how]
  const shown = pageOf(rows, page)
  const one = (device: string) =>
    attempt(
      `${device} is ${what.word}.`,
      () => move(at, how, [device]),
      () => move(at, what.back, [device]),
    )
  const columns: Column<Row>[] = [
    {
      name: 'Device',
      names: true,
      cell: (r) => (
        <Link className="mono" {...paths.device(at.org, at.product, r.device)}>
          {r.device}
        </Link>
      ),
    },
    { name: how === 'adopt' ? 'Where' : 'Why', cell: (r) => r.note },
    {
      name: 'Actions',
      cell: (r) => (
        <Button small disabled={!may} aria-label={`${what.act} ${r.device}`} onClick={() => void one(r.device)}>
          {what.act}
        </Button>
      ),
    },
  ]
  return (
    <div className="stack-small">
      <div className="row">
        <h3 className="grow">
          {title} ({count(total)})
        </h3>
        <Button small disabled={!may} onClick={() => setAsking(true)}>
          {what.act} all
        </Button>
        {!may && <span className="small muted">takes the role manage</span>}
      </div>
      <Table label={title} rows={shown.rows} rowKey={(r) => r.device} columns={columns} />
      <Pager at={shown.pagination} onPage={setPage} />
      {total > rows.length && <p className="small muted">The first {count(rows.length)} are shown.</p>}
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title={`${what.act} ${counted(total, 'device')}?`}
        act={what.act}
        {...(total > 25 ? { typed: at.group } : {})}
        onConfirm={() => move(at, how)}
      >
        <p>{what.text}</p>
        {total > 1000 && <p>A thousand are moved at once.</p>}
      </Confirm>
    </div>
  )
}
