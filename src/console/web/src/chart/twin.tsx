/** The values of a chart as a table, for those who do not see it or want the numbers. */
import { useState } from 'react'
import { Table, type Column } from '../ui/table'
import type { Points } from './points'
import css from './line-chart.module.css'

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' })

export function timeText(seconds: number): string {
  return clock.format(new Date(seconds * 1000))
}

type Row = { t: number; values: readonly (number | null)[] }

type Props = { label: string; points: Points; lines: readonly { label: string }[]; format: (value: number) => string }

/** The same values as a table, newest first. Its rows are made when it is opened. */
export function Twin({ label, points, lines, format }: Props) {
  const [open, setOpen] = useState(false)
  const rows: Row[] = open
    ? points.t.map((t, i) => ({ t, values: points.values.map((v) => v[i] ?? null) })).filter((r) => r.values.some((v) => v !== null))
    : []
  const columns: Column<Row>[] = [
    { name: 'Time', names: true, cell: (r) => timeText(r.t) },
    ...lines.map(
      (line, n): Column<Row> => ({
        name: line.label,
        number: true,
        cell: (r) => (r.values[n] === null || r.values[n] === undefined ? '–' : format(r.values[n])),
      }),
    ),
  ]
  return (
    <details className={css.twin} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>As a table</summary>
      {open && (
        <div className={css.scroll}>
          <Table label={`${label}, as a table`} rows={rows.reverse()} rowKey={(r) => r.t} columns={columns} none="Nothing was reported." />
        </div>
      )}
    </details>
  )
}
