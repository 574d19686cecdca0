/** Tables of up to some hundred rows; the device list has its own in `table/`. */
import type { ReactNode } from 'react'
import type { Pagination } from '../api/types'
import { Button } from './button'
import css from './parts.module.css'
import { count } from './text'

export type Column<Row> = {
  name: string
  cell: (row: Row) => ReactNode
  /** Numbers stand at the end of their column. */
  number?: boolean
  /** The first column names the row. */
  names?: boolean
}

export function Table<Row>(props: {
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row) => string | number
  /** What stands there instead of rows. */
  none?: ReactNode
}) {
  return (
    <div className={css.tableWrap} tabIndex={0} role="region" aria-label={props.label}>
      <table className={css.table} data-stack>
        <thead>
          <tr>
            {props.columns.map((c) => (
              <th key={c.name} scope="col" data-number={c.number || undefined}>
                {c.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={props.rowKey(row)}>
              {props.columns.map((c) =>
                c.names ? (
                  <th key={c.name} scope="row">
                    {c.cell(row)}
                  </th>
                ) : (
                  <td key={c.name} data-number={c.number || undefined}>
                    <CellName name={c.name} />
                    {c.cell(row)}
                  </td>
                ),
              )}
            </tr>
          ))}
          {props.rows.length === 0 && (
            <tr>
              <td colSpan={props.columns.length} className="muted">
                {props.none ?? 'None.'}
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </div>
  )
}

/** On phones rows become short lists, where the head of a column no longer stands above its cells: the cells say it themselves. */
function CellName({ name }: { name: string }) {
  if (!name || name === 'Actions') return null
  return (
    <span className={css.cellName} aria-hidden>
      {name}:{' '}
    </span>
  )
}

/** Goes through the pages of a list. */
export function Pager({ at, onPage }: { at: Pagination | undefined; onPage: (page: number) => void }) {
  if (!at || at.total_pages <= 1) return null
  return (
    <nav className={css.pager} aria-label="Pages">
      <Button small disabled={at.page_number <= 1} onClick={() => onPage(at.page_number - 1)}>
        Previous
      </Button>
      <span className="num">
        page {count(at.page_number)} of {count(at.total_pages)}
      </span>
      <Button small disabled={at.page_number >= at.total_pages} onClick={() => onPage(at.page_number + 1)}>
        Next
      </Button>
      <span className="muted num">{count(at.total_entries)} in all</span>
    </nav>
  )
}
