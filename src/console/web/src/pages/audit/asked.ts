/** What the audit log is asked for, from what the address says. */
import type { Filters } from '../../address/filters'
import { frozenAt } from '../../ui/freeze'
import { wholeSeconds } from '../../ui/text'

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The moment that a parameter names: `now-7d`, or a time. The API wants whole seconds in UTC. */
export function momentOf(text: string | undefined): string | undefined {
  if (!text) return undefined
  const relative = /^now(?:-(\d+)([mhd]))?$/.exec(text)
  const at = relative ? (frozenAt() ?? Date.now()) - Number(relative[1] ?? 0) * (UNITS[relative[2] ?? 'm'] ?? 0) : Date.parse(text)
  return Number.isNaN(at) ? undefined : wholeSeconds(at)
}

/** A moment as `datetime-local` fields take it, in the viewer's time zone. */
export function localOf(moment: string | undefined): string {
  if (!moment) return ''
  const at = new Date(moment)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

export function askedOf(filters: Filters) {
  return {
    search: filters.q || undefined,
    actor: filters.actor || undefined,
    since: momentOf(filters.since),
    until: momentOf(filters.until),
  }
}

/** The address without filters. */
export const UNFILTERED = { q: '', actor: '', since: '', until: '' }

export function isFiltered(filters: Filters): boolean {
  return Boolean(filters.q || filters.actor || filters.since || filters.until)
}
