/** The points of a chart: what of the server's averages is drawn, and what they say in words. */

export type Values = readonly (number | null)[]
export type Points = { t: number[]; values: (number | null)[][] }

/**
 * Leaves out the points that nobody reported, so that lines join over them, and keeps a gap where nothing was heard for long:
 * the server's points may be closer together than the reports of a device.
 */
export function joined(t: readonly number[], values: readonly Values[]): Points {
  const kept = t.map((_, i) => i).filter((i) => values.some((v) => v[i] !== null && v[i] !== undefined))
  const steps = kept.slice(1).map((i, n) => at(t, i) - at(t, kept[n] ?? 0))
  const usual = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0
  const points: Points = { t: [], values: values.map(() => []) }
  const add = (time: number, row: (number | null)[]) => {
    points.t.push(time)
    row.forEach((value, n) => points.values[n]?.push(value))
  }
  kept.forEach((i, n) => {
    const before = kept[n - 1]
    if (before !== undefined && at(t, i) - at(t, before) > usual * 4)
      add(
        (at(t, i) + at(t, before)) / 2,
        values.map(() => null),
      )
    add(
      at(t, i),
      values.map((v) => v[i] ?? null),
    )
  })
  return points
}

function at(t: readonly number[], i: number): number {
  return t[i] ?? 0
}

/** The least, the most and the newest of a line; null when it has no point. */
export function extent(values: Values): { least: number; most: number; newest: number } | null {
  let found: { least: number; most: number; newest: number } | null = null
  for (const value of values) {
    if (value === null) continue
    found = found
      ? { least: Math.min(found.least, value), most: Math.max(found.most, value), newest: value }
      : { least: value, most: value, newest: value }
  }
  return found
}

/** What a chart shows, as a sentence for those who do not see it. */
export function sentenceOf(lines: readonly { label: string; values: Values }[], format: (value: number) => string, span: string): string {
  const parts = lines.flatMap(({ label, values }) => {
    const e = extent(values)
    if (!e) return []
    if (e.least === e.most) return [`${label}: ${format(e.newest)} throughout`]
    return [`${label}: between ${format(e.least)} and ${format(e.most)}, at last ${format(e.newest)}`]
  })
  return parts.length ? `${span}. ${parts.join('. ')}.` : `${span}. Nothing was reported.`
}
