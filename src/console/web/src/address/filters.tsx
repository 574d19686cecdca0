/** Filters that live in the address: read, changed, and typed with a short pause before they are asked for. */
import { useSearch } from '@tanstack/react-router'
import { Search } from 'lucide-react'
import { useCallback, useEffect, useMemo } from 'react'
import type { Pagination } from '../api/types'
import { useTyped } from '../ui/use-typed'
import { pageNumber } from './paged'
import { useUrl } from './url'
import css from './filters.module.css'

export type Filters = Readonly<Record<string, string>>

/** The search parameters as texts, and how to change some of them. A change goes back to the first page unless it names another. */
export function useFilters(): [Filters, (changed: Record<string, string | undefined>) => void] {
  const raw = useSearch({ strict: false }) as Record<string, unknown>
  const { change } = useUrl()
  // The same object until the address changes, so that what is computed from it can be kept.
  const filters = useMemo(() => textsOf(raw), [raw])
  const fromTheFirst = useCallback((changed: Record<string, string | undefined>) => change({ page: undefined, ...changed }), [change])
  return [filters, fromTheFirst]
}

/** A number in the address is one that somebody typed without quotes. */
function textsOf(raw: Record<string, unknown>): Filters {
  const texts = Object.entries(raw).filter(([, value]) => typeof value === 'string' || typeof value === 'number')
  return Object.fromEntries(texts.map(([key, value]) => [key, String(value)]))
}

/** The page that the address names, from 1. */
export function pageOf(filters: Filters): number {
  return pageNumber(filters.page)
}

/** Goes to the last page when the address names one beyond it, as after a deletion. */
export function useLastPage(at: Pagination | undefined, change: (changed: Record<string, string | undefined>) => void): void {
  const beyond = at && at.total_pages > 0 && at.page_number > at.total_pages ? at.total_pages : 0
  useEffect(() => {
    if (beyond) change({ page: String(beyond) })
  }, [beyond, change])
}

/** A search field that asks a moment after the last key. */
export function SearchField({ label, value, onChange }: { label: string; value: string; onChange: (text: string) => void }) {
  const [text, setText] = useTyped(value, onChange)
  return (
    <span className={css.search}>
      <Search size={15} aria-hidden />
      <input type="search" data-query value={text} placeholder={label} aria-label={label} onChange={(e) => setText(e.target.value)} />
    </span>
  )
}
