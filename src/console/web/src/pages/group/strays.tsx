/** Devices in the group that it is not for, and devices that it is for outside, with a way to move them. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { Problem } from '../../api/problem'
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
import { paged } from '../../address/paged'

type Move = 'adopt' | 'expel'
type Row = { device: string; note: React.ReactNode }

/** Moves the devices that are named into the group or out of it, and answers how many were moved. */
async function move(at: GroupAddress, how: Move, devices: readonly string[]): Promise<number> {
  const path = `/api/orgs/{org}/products/{product}/deployments/{name}/${how}` as const
  const moved = await data(api.POST(path, { params: { path: at.path }, body: { devices: [...devices] } }))
  await refreshGroup(at)
  return moved.devices
}

/** Moves one device; one that the server leaves where it is, is a refusal. */
async function moveOne(at: GroupAddress, how: Move, device: string): Promise<void> {
  if ((await move(at, how, [device])) === 0) throw new Problem(422, `${device} stays where it is: it changed meanwhile, or the group does not take it.`)
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

const WHAT: Record<Move, { act: string; word: string; text: string }> = {
  adopt: {
    act: 'Adopt',
    word: 'adopted',
    text: 'They leave the group that they are in and get the release of this one, within its limits. An update of the other group that they were told of goes on.',
  },
  expel: {
    act: 'Expel',
    word: 'expelled',
    text: 'They keep what they run, and enter the best group that takes them when they connect. An update that they were told of goes on.',
  },
}

function Side({ how, title, total, rows }: { how: Move; title: string; total: number; rows: readonly Row[] }) {
  const at = useGroupAddress()
  const may = atLeast(useRole(at.org), 'manage')
  const [page, setPage] = useState(1)
  // The devices that were listed when it was asked: the list goes on changing behind the question.
  const [asking, setAsking] = useState<readonly string[] | null>(null)
  if (total === 0) return null
  const what = WHAT[how]
  const shown = paged(rows, page)
  // A device that was adopted cannot be put back by expelling it: it would not be in the group that it came from.
  const one = (device: string) =>
    attempt(`${device} is ${what.word}.`, () => moveOne(at, how, device), how === 'expel' ? () => moveOne(at, 'adopt', device) : undefined)
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
        <Button small disabled={!may} onClick={() => setAsking(rows.map((r) => r.device))}>
          {what.act} all{total > rows.length && ' that are listed'}
        </Button>
        {!may && <span className="small muted">takes the role manage</span>}
      </div>
      <Table label={title} rows={shown.rows} rowKey={(r) => r.device} columns={columns} />
      <Pager at={shown.pagination} onPage={setPage} />
      {total > rows.length && <p className="small muted">The first {count(rows.length)} of {count(total)} are listed.</p>}
      {asking && (
        <Confirm
          open
          onClose={() => setAsking(null)}
          title={`${what.act} ${counted(asking.length, 'device')}?`}
          act={what.act}
          {...(asking.length > 25 ? { typed: at.group } : {})}
          onConfirm={() => move(at, how, asking).then((moved) => toast(movedText(moved, asking.length, what.word)))}
        >
          <p>{what.text}</p>
          {total > asking.length && (
            <p>
              These are the devices that are listed. There are {count(total - asking.length)} more, which stay where they are until they are listed and
              you do it again.
            </p>
          )}
        </Confirm>
      )}
    </div>
  )
}

/** What became of devices that were to be moved. */
function movedText(moved: number, asked: number, word: string): string {
  const rest = asked - moved
  return `${counted(moved, 'device')} ${moved === 1 ? 'is' : 'are'} ${word}${rest > 0 ? `; ${count(rest)} stayed where they were` : ''}.`
}
