/** How far back the page looks: one choice for its charts, its failures and its restless devices. */
import { useFilters } from '../../address/filters'
import { wholeSeconds } from '../../ui/text'

export const RANGES = [
  { value: '1h', label: 'Last hour', seconds: 3600 },
  { value: '24h', label: 'Last 24 hours', seconds: 86_400 },
  { value: '7d', label: 'Last 7 days', seconds: 7 * 86_400 },
  { value: '30d', label: 'Last 30 days', seconds: 30 * 86_400 },
  { value: '90d', label: 'Last 90 days', seconds: 90 * 86_400 },
] as const

/** What is looked at unless the address says otherwise. */
const DAY = RANGES[1]

export type Range = (typeof RANGES)[number]

/** The range that the address names, and how to choose another. */
export function useRange(): [Range, (value: string) => void] {
  const [filters, change] = useFilters()
  const range = RANGES.find((r) => r.value === filters.range) ?? DAY
  return [range, (value) => change({ range: value === DAY.value ? '' : value, page: filters.page })]
}

/** The beginning and the end of a range until now, in seconds since 1970. */
export function spanOf(range: Range): readonly [number, number] {
  const to = Math.floor(Date.now() / 1000)
  return [to - range.seconds, to]
}

/** A time as the API takes it. */
export function iso(seconds: number): string {
  return wholeSeconds(seconds * 1000)
}

type Points = { t: readonly number[]; lines: readonly (readonly (number | null)[])[] }

/** The least time that charts cover, in seconds. */
const LEAST = 600

/** The first point that has something. */
export function firstOf({ t, lines }: Points): number | undefined {
  return t.find((_, i) => lines.some((values) => values[i] !== null && values[i] !== undefined))
}

/** The part of a span that is worth a look: it begins with the first point when there is nothing in the half before it. */
export function narrowed(span: readonly [number, number], points: Points): readonly [number, number] {
  const [from, to] = span
  const first = firstOf(points)
  if (first === undefined || (to - first) * 2 > to - from) return span
  return [Math.max(from, Math.min(first, to - LEAST)), to]
}
