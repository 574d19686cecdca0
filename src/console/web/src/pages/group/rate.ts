/** How fast a release moves, from what was seen of it while the page was open. */

export type Sample = { release: number; at: number; updated: number }

/** Only the last five minutes count, in milliseconds. */
const WINDOW = 300_000
/** Less than this says nothing yet. */
const SHORTEST = 5_000

/** Adds what was seen, and forgets what no longer counts; the last sample before the window says where it began. */
export function withSample(before: readonly Sample[], sample: Sample): Sample[] {
  const of = before.filter((s) => s.release === sample.release)
  const begun = of.findLastIndex((s) => sample.at - s.at >= WINDOW)
  return [...of.slice(Math.max(0, begun)), sample]
}

/** Devices a minute over the last five minutes; null while nothing moves or too little was seen. */
export function rateAt(samples: readonly Sample[], now: number): number | null {
  const begin = now - WINDOW
  const first = samples[Math.max(0, samples.findLastIndex((s) => s.at <= begin))]
  const last = samples.at(-1)
  if (!first || !last) return null
  const from = Math.max(first.at, begin)
  // The clock of the page moves in steps, so a sample may be newer than it.
  const to = Math.max(now, last.at)
  if (last.updated <= first.updated || to - from < SHORTEST) return null
  return (last.updated - first.updated) / ((to - from) / 60_000)
}
