/** What the address says behind its question mark, as text, and a way to change some of it. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'

export type Changed = Record<string, string | number | undefined>

export type Url = {
  /** A value of the address; empty when it is not there. */
  text: (key: string) => string
  /**
   * Changes some values and keeps the others; an empty one is left out of the address. `keep` leaves the view before in the history,
   * so that the browser's Back goes to it.
   */
  change: (changed: Changed, keep?: boolean) => void
}

export function useUrl(): Url {
  const raw = useSearch({ strict: false }) as Record<string, unknown>
  const navigate = useNavigate()
  const change = useCallback(
    (changed: Changed, keep = false) => {
      const search = (before: Record<string, unknown>) => written(before, changed)
      void navigate({ to: '.', search: search as never, replace: !keep })
    },
    [navigate],
  )
  return { text: (key) => textOf(raw[key]), change }
}

/** The router reads `page=2` as a number. */
export function textOf(value: unknown): string {
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : ''
}

/** The values of the address after a change. */
export function written(before: Record<string, unknown>, changed: Changed): Record<string, unknown> {
  const filled = Object.entries({ ...before, ...changed }).filter(([, value]) => value !== undefined && value !== '')
  return Object.fromEntries(filled.map(([key, value]) => [key, plain(value)]))
}

/** The router writes texts that look like numbers in quotes; short numbers are better written as what they are. */
function plain(value: unknown): unknown {
  return typeof value === 'string' && /^[1-9]\d{0,8}$/.test(value) ? Number(value) : value
}
