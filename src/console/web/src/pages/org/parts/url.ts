/** What the address says behind its question mark, as text, and a way to change some of it. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'

export type Url = {
  /** A value of the address; empty when it is not there. */
  text: (key: string) => string
  /** Changes some values and keeps the others; an empty one is left out of the address. */
  change: (changed: Record<string, string | number | undefined>) => void
}

export function useUrl(): Url {
  const raw = useSearch({ strict: false }) as Record<string, unknown>
  const navigate = useNavigate()
  // The router reads `page=2` as a number.
  const text = (key: string) => (['string', 'number', 'boolean'].includes(typeof raw[key]) ? String(raw[key]) : '')
  const change = useCallback(
    (changed: Record<string, string | number | undefined>) => {
      const written = Object.fromEntries(Object.entries(changed).map(([key, value]) => [key, value === '' ? undefined : value]))
      const search = (before: Record<string, unknown>) => ({ ...before, ...written })
      void navigate({ to: '.', search: search as never, replace: true })
    },
    [navigate],
  )
  return { text, change }
}

/** The page that the address names, from 1. */
export function pageOf(url: Url, key = 'page'): number {
  const page = Number(url.text(key))
  return Number.isInteger(page) && page > 0 ? page : 1
}
