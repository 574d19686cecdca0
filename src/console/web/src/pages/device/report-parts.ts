/** The parts of a health report, whose values may be of any kind. */
import type { HealthReport } from '../../api/types'

type Parts = { metrics: Entries; alarms: Entries; metadata: Entries; checks: Entries; connectivity: Entries }
export type Entries = [string, unknown][]

export function partsOf(report: unknown): Parts {
  const whole = report as Record<string, unknown> | null
  const part = (name: string): Entries => {
    const found = whole?.[name]
    return typeof found === 'object' && found !== null ? Object.entries(found) : []
  }
  return { metrics: part('metrics'), alarms: part('alarms'), metadata: part('metadata'), checks: part('checks'), connectivity: part('connectivity') }
}

/** Values of a report may be of any kind. */
export function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export type Reason = { level: string; metric: string; value: number; threshold: number }

/** Which metrics made the status what it is. */
export function reasonsOf(report: HealthReport): Reason[] {
  const levels = (report.status_reasons ?? {}) as Record<string, Record<string, { value: number; threshold: number }>>
  return Object.entries(levels).flatMap(([level, metrics]) =>
    Object.entries(metrics).map(([metric, r]) => ({ level, metric, value: r.value, threshold: r.threshold })),
  )
}

/** The alarms of a report: the name of each, and what the device says about it. */
export function alarmsOf(report: HealthReport): [string, string][] {
  return partsOf(report.report).alarms.map(([name, value]) => [name, text(value)])
}
