/** The deltas to the firmware of the current release: what they save, and why one is missing. */
import { useState } from 'react'
import { atLeast, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card, Empty, Failure, Notice, Skeleton } from '../../ui/layout'
import { type Column, Pager, Table } from '../../ui/table'
import { attempt } from '../../ui/toast'
import { counted } from '../../ui/text'
import { deltaColumns, isUnmade } from './delta-columns'
import { type Delta, retryDeltas, useDeltas, useGroup, useGroupAddress } from './group-api'
import { paged } from '../../address/paged'
import { retryDeltasQuestion } from './questions'
import { usePage } from './use-page'

export default function Deltas() {
  const at = useGroupAddress()
  const may = atLeast(useRole(at.org), 'manage')
  const deltas = useDeltas(at)
  const group = useGroup(at).data
  const [page, setPage] = usePage('deltas')
  const [asking, setAsking] = useState(false)
  const all = deltas.data ?? []
  const missing = all.filter(isUnmade).length
  const shown = paged(all, page)
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
      {asking && <Confirm open onClose={() => setAsking(false)} {...retryDeltasQuestion(at)} />}
    </Card>
  )

  function again(delta: Delta): Promise<boolean> {
    return attempt(`The delta from ${delta.from_version} is made again.`, () => retryDeltas(at, delta.from_uuid))
  }
}

function columns(may: boolean, org: string, product: string, again: (delta: Delta) => void): Column<Delta>[] {
  return [
    ...deltaColumns(org, product),
    {
      name: 'Actions',
      cell: (d) =>
        isUnmade(d) && (
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
