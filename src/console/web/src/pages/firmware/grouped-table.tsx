/** A table whose rows stand under headings of their own. */
import type { ReactNode } from 'react'
import type { Column } from '../../ui/table'
import parts from '../../ui/parts.module.css'
import css from './grouped-table.module.css'

export type RowGroup<Row> = {
  key: string
  /** What the rows have in common; none for rows without a heading. */
  title?: ReactNode
  rows: readonly Row[]
}

export function GroupedTable<Row>(props: {
  label: string
  columns: readonly Column<Row>[]
  groups: readonly RowGroup<Row>[]
  rowKey: (row: Row) => string
}) {
  const { columns } = props
  return (
    <div className={parts.tableWrap} tabIndex={0} role="region" aria-label={props.label}>
      <table className={parts.table} data-stack>
        <thead>
          <tr>
            {columns.map((c) => (
              <th key={c.name} scope="col">
                {c.name}
              </th>
            ))}
          </tr>
        </thead>
        {props.groups.map((group) => (
          <tbody key={group.key} className={css.group}>
            {group.title && (
              <tr>
                <th scope="rowgroup" colSpan={columns.length} className={css.title}>
                  {group.title}
                </th>
              </tr>
            )}
            {group.rows.map((row) => (
              <tr key={props.rowKey(row)}>
                {columns.map((c) =>
                  c.names ? (
                    <th key={c.name} scope="row" className={group.title ? css.name : undefined}>
                      {c.cell(row)}
                    </th>
                  ) : (
                    <td key={c.name} data-label={c.name}>
                      <div>{c.cell(row)}</div>
                    </td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        ))}
      </table>
    </div>
  )
}
