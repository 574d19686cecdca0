/** The search part of the address of a device's page: what a view is narrowed to. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback } from 'react'
import { paths } from '../../paths'
import { useDeviceAddress } from './device'

/** The router writes texts that look like numbers in quotes; short numbers are better written as what they are. */
function plain(value: unknown): unknown {
  return typeof value === 'string' && /^[1-9]\d{0,8}$/.test(value) ? Number(value) : value
}

/** The texts of the address, and how to change some of them; an empty one is left out of the address. */
export function useTexts(tab: string): [(key: string) => string, (changed: Record<string, string | undefined>, keep?: boolean) => void] {
  const raw = useSearch({ strict: false }) as Record<string, unknown>
  const navigate = useNavigate()
  const { org, product, device } = useDeviceAddress()
  const text = (key: string) => (raw[key] === undefined || raw[key] === null ? '' : String(raw[key]))
  const change = useCallback(
    (changed: Record<string, string | undefined>, keep = false) => {
      const search = (before: Record<string, unknown>) => {
        const after = { ...before, ...changed }
        const filled = Object.entries(after).filter(([, value]) => value !== undefined && value !== '')
        return Object.fromEntries(filled.map(([key, value]) => [key, plain(value)]))
      }
      // `keep` leaves the view before in the history, so that the browser's Back goes to it.
      void navigate({ ...paths.device(org, product, device, tab), search: search as never, replace: !keep })
    },
    [navigate, org, product, device, tab],
  )
  return [text, change]
}
