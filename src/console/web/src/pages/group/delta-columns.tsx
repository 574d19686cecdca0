/** What a delta is shown by wherever deltas are listed: one set of words for its state, its size and what it saves. */
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { Status, type Tone } from '../../ui/status'
import type { Column } from '../../ui/table'
import { bytes, percent } from '../../ui/text'
import type { Delta } from './group-api'

const STATUS: Record<string, { tone: Tone; word: string }> = {
  processing: { tone: 'running', word: 'in the making' },
  completed: { tone: 'ok', word: 'made' },
  failed: { tone: 'bad', word: 'failed' },
  timed_out: { tone: 'bad', word: 'took too long' },
}

/** Whether there is none, and another attempt may be asked for. */
export function isUnmade(delta: Delta): boolean {
  return delta.status === 'failed' || delta.status === 'timed_out'
}

/** What a delta saves each device; one that is larger than the file saves nothing. */
export function savedOf({ saved, size }: Pick<Delta, 'saved' | 'size'>): string {
  if (typeof saved !== 'number' || typeof size !== 'number') return '–'
  return `${bytes(Math.max(0, saved))} (${percent(Math.max(0, saved), saved + size)})`
}

export function deltaColumns(org: string, product: string): Column<Delta>[] {
  return [
    {
      name: 'From',
      names: true,
      cell: (d) => (
        <Link className="mono" title={d.from_uuid} {...paths.firmware(org, product, d.from_uuid)}>
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
    { name: 'Saves each device', number: true, cell: savedOf },
    { name: 'Why there is none', cell: (d) => d.error ?? <span className="muted">–</span> },
  ]
}
