/** The deltas to the firmware of the current release: what they save, and why one is missing. */
import { useState } from 'react'
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { atLeast, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card, Empty, Failure, Notice, Skeleton } from '../../ui/layout'
import { Status, type Tone } from '../../ui/status'
import { type Column, Pager, Table } from '../../ui/table'
import { attempt, toast } from '../../ui/toast'
import { bytes, counted, percent } from '../../ui/text'
import { type Delta, retryDeltas, useDeltas, useGroup, useGroupAddress } from './group-api'
import { pageOf } from './page-of'
import { usePage } from './use-page'

const STATUS: Record<string, { tone: Tone; word: string }> = {
  processing: { tone: 'running', word: 'in the making' },
  completed: { tone: 'ok', word: 'made' },
  failed: { tone: 'bad', word: 'failed' },
  timed_out: { tone: 'bad', word: 'timed out' },
}

const isMissing = (d: Delta) => d.status === 'failed' || d.status === 'timed_out'

export default function Deltas() {
  const at = useGroupAddress()
  const may = atLeast(useRole(at.org), 'manage')
  const deltas = useDeltas(at)
  const group = useGroup(at).data
  const [page, setPage] = usePage('deltas')
  const [asking, setAsking] = useState(false)
  const all = deltas.data ?? []
  const missing = all.filter(isMissing).length
  const shown = pageOf(all, page)
  return (
    <Card
      title={`Deltas to ${group?.current_release?.firmware.version ?? 'the current release'}`}
      actions={
        missing > 0 && (
          <Button small disabled={!may} onClick={() => setAsking(true)}>
            Make {counted(missing, 'delta')} again
          </Button>
        )
      }
    >
      <div className="stack-small">
        {group && !group.delta_updatable && (
          <Notice kind="warn">The group takes no deltas: its devices get the whole file. Settings, “What it is”, switch them on.</Notice>
        )}
        {missing > 0 && !may && <p className="small muted">Making them again takes the role manage.</p>}
        {deltas.error && <Failure error={deltas.error} again={() => void deltas.refetch()} />}
        {deltas.isPending && <Skeleton />}
        {deltas.data && all.length === 0 && <NoDelta />}
        {all.length > 0 && (
          <Table
            label="Deltas by the firmware that they are from"
            rows={shown.rows}
            rowKey={(d) => d.from_uuid}
            columns={columns(may, at.org, at.product, (d) => void again(d))}
          />
        )}
        <Pager at={shown.pagination} onPage={setPage} />
      </div>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title="Make deltas again?"
        act="Make them again"
        onConfirm={() => retryDeltas(at).then((n) => toast(`${counted(n, 'delta')} ${n === 1 ? 'is' : 'are'} made again.`))}
      >
        <p>Devices wait for them for up to ten minutes, as for new ones. Those that were told of the whole file already finish with it.</p>
      </Confirm>
    </Card>
  )

  function again(delta: Delta): Promise<boolean> {
    return attempt(`The delta from ${delta.from_version} is made again.`, () => retryDeltas(at, delta.from_uuid))
  }
}

function columns(may: boolean, org: string, product: string, again: (delta: Delta) => void): Column<Delta>[] {
  return [
    {
      name: 'From',
      names: true,
      cell: (d) => (
        <Link className="mono" {...paths.firmware(org, product, d.from_uuid)}>
          {d.from_version}
        </Link>
      ),
    },
    {
      name: 'Status',
      cell: (d) => {
        const status = STATUS[d.status] ?? { tone: 'off' as const, word: d.status }
        return <Status tone={status.tone}>{status.word}</Status>
      },
    },
    { name: 'Size', number: true, cell: (d) => bytes(d.size) },
    {
      name: 'Saved, each device',
      number: true,
      cell: (d) =>
        typeof d.saved === 'number' && typeof d.size === 'number' ? `${bytes(d.saved)} (${percent(Math.max(0, d.saved), d.saved + d.size)})` : '–',
    },
    { name: 'Why there is none', cell: (d) => d.error ?? <span className="muted">–</span> },
    {
      name: 'Actions',
      cell: (d) =>
        isMissing(d) && (
          <Button small disabled={!may} aria-label={`Make the delta from ${d.from_version} again`} onClick={() => again(d)}>
            Make again
          </Button>
        ),
    },
  ]
}

function NoDelta() {
  return (
    <Empty title="No delta to this release">
      <p>
        A delta is made from each firmware that devices of an active group run to that of its release, so that they load a few per cent of the file.
        It appears here once such devices are in the group.
      </p>
    </Empty>
  )
}
