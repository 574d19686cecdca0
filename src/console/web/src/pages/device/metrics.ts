/** The metrics of health reports in words: what belongs in one chart, how its values are written, and where the server draws its lines. */
import type { Threshold } from '../../chart/line-chart'
import { bytes, count } from '../../ui/text'

export type Metric = {
  title: string
  keys: readonly string[]
  labels: readonly string[]
  format: (value: number) => string
  range?: readonly [number, number]
  thresholds?: readonly Threshold[]
}

const oneDecimal = new Intl.NumberFormat('en', { maximumFractionDigits: 1 })
const twoDecimals = new Intl.NumberFormat('en', { maximumFractionDigits: 2 })

const share = (value: number) => `${oneDecimal.format(value)} %`

/** The thresholds of docs/protocol/rules.md, "Health, position and identities". Reaching one counts. */
function thresholds(warning: number, unhealthy: number): Threshold[] {
  return [
    { value: warning, label: `warning from ${warning} %`, tone: 'warn' },
    { value: unhealthy, label: `unhealthy from ${unhealthy} %`, tone: 'bad' },
  ]
}

const KNOWN: readonly Metric[] = [
  { title: 'Processor', keys: ['cpu_usage_percent'], labels: ['used'], format: share, range: [0, 100], thresholds: thresholds(80, 90) },
  { title: 'Memory', keys: ['mem_used_percent'], labels: ['used'], format: share, range: [0, 100], thresholds: thresholds(70, 80) },
  { title: 'Disk', keys: ['disk_used_percentage'], labels: ['used'], format: share, range: [0, 100], thresholds: thresholds(80, 90) },
  { title: 'Temperature', keys: ['cpu_temp'], labels: ['processor'], format: (v) => `${oneDecimal.format(v)} °C` },
  { title: 'Load', keys: ['load_1min', 'load_5min', 'load_15min'], labels: ['1 min', '5 min', '15 min'], format: (v) => twoDecimals.format(v) },
]

/** Units that the names of other metrics tell. */
function formatOf(key: string): (value: number) => string {
  if (key.endsWith('_percent') || key.endsWith('_percentage')) return share
  if (key.endsWith('_kb')) return (v) => bytes(v * 1024)
  if (key.endsWith('_mb')) return (v) => bytes(v * 1024 * 1024)
  if (key.includes('bytes')) return (v) => bytes(v)
  return (v) => (Math.abs(v) >= 1000 ? count(Math.round(v)) : twoDecimals.format(v))
}

/** What a metric is called: a chart's title where the chart has no other line. */
export function nameOf(key: string): string {
  return KNOWN.find((m) => m.keys.length === 1 && m.keys[0] === key)?.title ?? key
}

/** The value of a metric as people read it. */
export function metricText(key: string, value: unknown): string {
  const number = typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : NaN
  if (!Number.isFinite(number)) return typeof value === 'string' ? value : JSON.stringify(value)
  const known = KNOWN.find((m) => m.keys.includes(key))
  return (known?.format ?? formatOf(key))(number)
}

/** The charts of a device: those that are known first, then one for each other metric. */
export function chartsOf(keys: readonly string[]): { known: Metric[]; others: Metric[] } {
  const known = KNOWN.flatMap((m) => {
    const reported = m.keys.map((key, n) => ({ key, label: m.labels[n] ?? key })).filter(({ key }) => keys.includes(key))
    return reported.length ? [{ ...m, keys: reported.map((r) => r.key), labels: reported.map((r) => r.label) }] : []
  })
  const taken = new Set(KNOWN.flatMap((m) => m.keys))
  const others = keys.filter((key) => !taken.has(key)).map((key): Metric => ({ title: key, keys: [key], labels: [key], format: formatOf(key) }))
  return { known, others }
}
