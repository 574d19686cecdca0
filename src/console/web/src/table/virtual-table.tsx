/**
 * A table of up to 500,000 rows, of which only those on the screen exist. The server pages and sorts; pages are read as they come
 * into view. A row is at most 32 px high where there are more than 400,000: browsers drop an element beyond 17.9 million px.
 */
import { useVirtualizer } from '@tanstack/react-virtual'
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from 'react'
import css from './virtual-table.module.css'

export type VirtualColumn<Row> = {
  id: string
  name: string
  /** The width as CSS writes a grid track. */
  width: string
  cell: (row: Row) => ReactNode
  /** The name of the server's column that it is sorted by. */
  sort?: string
}

export type Sort = { by: string; descending: boolean }

type Props<Row> = {
  label: string
  total: number
  columns: readonly VirtualColumn<Row>[]
  /** The row at a place, if its page is there. */
  row: (index: number) => Row | undefined
  rowKey: (row: Row) => string
  /** Told which places are on the screen, from and to. */
  onVisible: (from: number, to: number) => void
  isSelected: (key: string) => boolean
  /** Whether every row is selected, also those that are not on the screen. */
  allSelected: boolean
  onSelect: (key: string, selected: boolean) => void
  onSelectAll: () => void
  sort: Sort
  onSort: (sort: Sort) => void
  onOpen: (row: Row) => void
  /** Other keys that act on the row under the cursor. */
  keys?: Readonly<Record<string, (row: Row) => void>>
  none: ReactNode
  /** What makes the table begin at its top again: another query or order. */
  from: string
}

export function VirtualTable<Row>(props: Props<Row>) {
  const { total, columns, onVisible } = props
  const box = useRef<HTMLDivElement>(null)
  const [cursor, setCursor] = useState(0)
  const height = useRowHeight(total)
  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    overscan: 12,
    paddingStart: height,
    scrollPaddingStart: height,
  })
  const items = virtual.getVirtualItems()
  const [from, to] = [items.at(0)?.index ?? 0, items.at(-1)?.index ?? 0]
  useEffect(() => onVisible(from, to), [from, to, onVisible])
  useEffect(() => virtual.measure(), [height, virtual])
  useEffect(() => {
    box.current?.scrollTo(0, 0)
    setCursor(0)
  }, [props.from])
  const tracks = useMemo(() => ['36px', ...columns.map((c) => c.width)].join(' '), [columns])
  const move = (to: number) => {
    const next = Math.max(0, Math.min(total - 1, to))
    setCursor(next)
    virtual.scrollToIndex(next)
  }
  return (
    <div className={css.frame}>
      <div
        className={css.box}
        // Without rows it is as high as its head, and what stands there instead is below it: a grid has rows alone.
        style={total === 0 ? { flex: 'none', height: height + 1 } : undefined}
        ref={box}
        role="grid"
        aria-label={props.label}
        aria-rowcount={total + 1}
        aria-multiselectable
        aria-activedescendant={items.some((i) => i.index === cursor) ? `row-${cursor}` : undefined}
        tabIndex={0}
        onKeyDown={(e) => onKey(e, props, cursor, move)}
      >
        <div className={css.inner} style={{ height: Math.max(virtual.getTotalSize(), height) }} role="rowgroup">
          <Head tracks={tracks} height={height} {...props} />
          {items.map((item) => {
            const row = props.row(item.index)
            return (
              <BodyRow
                {...props}
                key={item.index}
                index={item.index}
                start={item.start}
                tracks={tracks}
                row={row}
                cursor={cursor === item.index}
                onCursor={() => setCursor(item.index)}
              />
            )
          })}
        </div>
      </div>
      {total === 0 && <div className={css.none}>{props.none}</div>}
    </div>
  )
}

/** The height of a row as the style says it, bounded so that the last row of a large fleet can be reached. */
function useRowHeight(total: number): number {
  const wanted = parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--row')) || 32
  return total > 400_000 ? Math.min(wanted, 32) : wanted
}

function onKey<Row>(event: KeyboardEvent, props: Props<Row>, cursor: number, move: (to: number) => void): void {
  // Keys belong to what has the focus; only the grid itself has keys for its rows.
  if (event.target !== event.currentTarget) return
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const page = 15
  const steps: Record<string, number> = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1, PageDown: page, PageUp: -page }
  const step = steps[event.key]
  const row = props.row(cursor)
  if (step !== undefined) move(cursor + step)
  else if (event.key === 'Home') move(0)
  else if (event.key === 'End') move(props.total - 1)
  else if (event.key === 'Enter' && row) props.onOpen(row)
  else if (event.key === 'X' && event.shiftKey) props.onSelectAll()
  else if ((event.key === 'x' || event.key === ' ') && row) props.onSelect(props.rowKey(row), !props.isSelected(props.rowKey(row)))
  else if (row && props.keys?.[event.key]) props.keys[event.key]?.(row)
  else return
  event.preventDefault()
}

function Head<Row>({ columns, sort, onSort, tracks, height, total, allSelected, onSelectAll }: Props<Row> & { tracks: string; height: number }) {
  return (
    <div className={`${css.row} ${css.head}`} role="row" aria-rowindex={1} style={{ gridTemplateColumns: tracks, height }}>
      <div role="columnheader" className={css.pick} aria-label="Selected">
        <input
          type="checkbox"
          aria-label="Select all that match"
          checked={total > 0 && allSelected}
          onChange={onSelectAll}
          tabIndex={-1}
        />
      </div>
      {columns.map((c) => {
        const by = c.sort
        const sorted = by !== undefined && sort.by === by
        return (
          <div key={c.id} className={css.cell} role="columnheader" aria-sort={sorted ? (sort.descending ? 'descending' : 'ascending') : undefined}>
            {by === undefined ? (
              c.name
            ) : (
              <button type="button" className={css.sort} onClick={() => onSort({ by, descending: sorted && !sort.descending })}>
                {c.name}
                {sorted && <span aria-hidden>{sort.descending ? ' ↓' : ' ↑'}</span>}
              </button>
            )}
          </div>
        )
      })}
    </div>
  )
}

function BodyRow<Row>({
  index,
  start,
  tracks,
  row,
  cursor,
  onCursor,
  columns,
  rowKey,
  isSelected,
  onSelect,
}: Omit<Props<Row>, 'row'> & { index: number; start: number; tracks: string; row: Row | undefined; cursor: boolean; onCursor: () => void }) {
  const key = row && rowKey(row)
  const picked = key !== undefined && isSelected(key)
  return (
    <div
      id={`row-${index}`}
      className={css.row}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={picked}
      data-cursor={cursor || undefined}
      style={{ transform: `translateY(${start}px)`, top: 0, gridTemplateColumns: tracks }}
      onClick={onCursor}
    >
      <div role="gridcell" className={css.pick}>
        {key !== undefined && (
          <input type="checkbox" tabIndex={-1} aria-label={`Select ${key}`} checked={picked} onChange={(e) => onSelect(key, e.target.checked)} />
        )}
      </div>
      {row !== undefined
        ? columns.map((c) => (
            <div key={c.id} className={css.cell} role="gridcell">
              {c.cell(row)}
            </div>
          ))
        : columns.map((c) => <div key={c.id} className={css.cell} role="gridcell" aria-busy />)}
    </div>
  )
}
