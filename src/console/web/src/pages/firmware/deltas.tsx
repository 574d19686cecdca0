/** Deltas to one firmware: from which versions, how large, and what they save. */
import type { components } from '../../api/schema'
import { Status, type Tone } from '../../ui/status'
import { Table } from '../../ui/table'
import { bytes, percent } from '../../ui/text'

type Delta = components['schemas']['DeltaView']
export type GroupDeltas = { group: string; deltas: readonly Delta[] }

const STATES: Record<string, { tone: Tone; word: string }> = {
  processing: { tone: 'running', word: 'being made' },
  completed: { tone: 'ok', word: 'ready' },
  failed: { tone: 'bad', word: 'failed' },
  timed_out: { tone: 'bad', word: 'took too long' },
}

/** Groups that use the same firmware share its deltas, so each is shown once. */
export function DeltaTable({ found }: { found: readonly GroupDeltas[] }) {
  const rows = new Map<string, Delta>()
  for (const { deltas } of found) for (const delta of deltas) rows.set(delta.from_uuid, delta)
  return (
    <Table
      label="Deltas"
      rows={[...rows.values()]}
      rowKey={(d) => d.from_uuid}
      none="None. A delta is made when a device that runs another version of the same platform waits for this one."
      columns={[
        { name: 'From version', names: true, cell: (d) => <span title={d.from_uuid}>{d.from_version}</span> },
        {
          name: 'State',
          cell: (d) => <Status tone={STATES[d.status]?.tone ?? 'off'}>{STATES[d.status]?.word ?? d.status}</Status>,
        },
        { name: 'Size', number: true, cell: (d) => bytes(d.size) },
        {
          name: 'Saves each device',
          number: true,
          cell: (d) => (d.saved === null || d.size === null ? '–' : `${bytes(d.saved)} (${percent(d.saved, d.saved + d.size)})`),
        },
        { name: 'Why there is none', cell: (d) => d.error ?? <span className="muted">–</span> },
      ]}
    />
  )
}
