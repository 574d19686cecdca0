/** A table of a list that the API gives as a whole: some rows at a time, and a field to find one where there are many. */
import type { ReactNode } from 'react'
import { TextField } from '../../../ui/form'
import { type Column, Pager, Table } from '../../../ui/table'
import { useTyped } from '../../../ui/use-typed'
import { pageNumber, paged } from '../../../address/paged'
import { useUrl } from '../../../address/url'
import css from '../org.module.css'

const ROWS = 50
/** From how many rows on there is a field to find one. */
const MANY = 10

type Props<Row> = {
  label: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  rowKey: (row: Row) => string | number
  none?: ReactNode
  /** The text of a row that it can be found by. */
  textOf?: (row: Row) => string
  /** The names of page and search in the address, where a page has several tables. */
  pageKey?: string
  findKey?: string
}

export function PagedTable<Row>({ textOf, pageKey = 'page', findKey = 'find', rows, none, ...table }: Props<Row>) {
  const url = useUrl()
  const [typed, setTyped] = useTyped(url.text(findKey), (text) => url.change({ [findKey]: text, [pageKey]: undefined }))
  const wanted = typed.trim().toLowerCase()
  const found = textOf && wanted ? rows.filter((row) => textOf(row).toLowerCase().includes(wanted)) : rows
  const shown = paged(found, pageNumber(url.text(pageKey)), ROWS)
  return (
    <div className="stack-small">
      {textOf && (rows.length > MANY || typed) && (
        <div className={css.find}>
          <TextField label={`Find in ${table.label.toLowerCase()}`} type="search" value={typed} onChange={(e) => setTyped(e.target.value)} />
        </div>
      )}
      <Table
        {...table}
        columns={table.columns}
        label={`List of ${table.label.toLowerCase()}`}
        rows={shown.rows}
        none={wanted ? 'Nothing here has this text.' : none}
      />
      <Pager at={shown.pagination} onPage={(next) => url.change({ [pageKey]: next === 1 ? undefined : next })} />
    </div>
  )
}
