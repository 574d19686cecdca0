/** Times during which something held, such as an alarm, told by reports that come now and then. */

export type Band = { label: string; from: number; to: number }

/**
 * The bands of one alarm. `counts` says in how many reports of each point it was set, `reported` in which points there are reports at
 * all: between two reports it is as the earlier one said, and after the last one nothing is known.
 */
export function bandsOf(label: string, t: readonly number[], counts: readonly number[], reported: readonly boolean[]): Band[] {
  const bands: Band[] = []
  const step = (t[1] ?? 0) - (t[0] ?? 0)
  let open: Band | null = null
  t.forEach((at, i) => {
    if (!reported[i]) return
    if ((counts[i] ?? 0) > 0) {
      open ??= { label, from: at, to: at }
      open.to = at + step
    } else if (open) {
      bands.push({ ...open, to: at })
      open = null
    }
  })
  return open ? [...bands, open] : bands
}

/** In which points there are reports: those where any metric or alarm has something. */
export function reportedIn(t: readonly number[], series: readonly (readonly (number | null)[])[], alarms: readonly (readonly number[])[]): boolean[] {
  return t.map((_, i) => series.some((values) => values[i] !== null && values[i] !== undefined) || alarms.some((counts) => (counts[i] ?? 0) > 0))
}
