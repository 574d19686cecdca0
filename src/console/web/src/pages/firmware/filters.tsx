/** Filters that live in the address: read, changed, and typed with a short pause before they are asked for. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Search } from 'lucide-react'
import { useCallback, useEffect, useRef, useState } from 'react'
import type { Pagination } from '../../api/types'
import css from './filters.module.css'

/** Parameters that are numbers. */
const NUMBERS = ['page', 'hook']

export type Filters = Readonly<Record<string, string>>

/** The search parameters as texts, and how to change some of them. A change goes back to the first page unless it names another. */
export function useFilters(): [Filters, (changed: Record<string, string | undefined>) => void] {
  const raw = useSearch({ strict: false }) as Record<string, unknown>
  const navigate = useNavigate()
  const filters: Record<string, string> = {}
  for (const [key, value] of Object.entries(raw)) {
    // A number in the address is one that somebody typed without quotes.
    if (typeof value === 'string' || typeof value === 'number') filters[key] = String(value)
  }
  const change = useCallback(
    (changed: Record<string, string | undefined>) => {
      const search = (before: Record<string, unknown>) => {
        const after: Record<string, unknown> = { ...before, page: undefined, ...changed }
        const left = Object.entries(after).filter(([, value]) => value !== undefined && value !== '')
        // The router writes a text that looks like a number in quotes, which these need not have.
        return Object.fromEntries(left.map(([key, value]) => [key, NUMBERS.includes(key) ? Number(value) : value]))
      }
      void navigate({ to: '.', search, replace: true } as never)
    },
    [navigate],
  )
  return [filters, change]
}

/** The page that the address names, from 1. */
export function pageOf(filters: Filters): number {
  const page = Number(filters.page)
  return Number.isInteger(page) && page > 0 ? page : 1
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
  const [text, setText] = useState(value)
  const timer = useRef(0)
  // Another address, by the back button or a link, is what counts.
  useEffect(() => setText(value), [value])
  useEffect(() => () => window.clearTimeout(timer.current), [])
  const typed = (next: string) => {
    setText(next)
    window.clearTimeout(timer.current)
    timer.current = window.setTimeout(() => onChange(next.trim()), 250)
  }
  return (
    <span className={css.search}>
      <Search size={15} aria-hidden />
      <input type="search" value={text} placeholder={label} aria-label={label} onChange={(e) => typed(e.target.value)} />
    </span>
  )
}
