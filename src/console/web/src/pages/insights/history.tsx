/** "Does it get worse?" How the fleet was over time: who was connected, who was well, how updates ended, what they sent. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { api, data } from '../../api/client'
import type { components } from '../../api/schema'
import { LineChart, chartsClass } from '../../chart/line-chart'
import { useProduct } from '../../product'
import { Select } from '../../ui/form'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { bytes, count, duration } from '../../ui/text'
import { RANGES, type Range, firstOf, iso, narrowed, spanOf, useRange } from './range'

/** Points of a chart; more would stand on one pixel. */
const POINTS = 300
/** How often charts are read again, in milliseconds: the server counts once a minute. */
const EVERY = 60_000

/** `since` is when counting began, where the span was narrowed to it. */
type Series = components['schemas']['ProductSeries'] & { span: readonly [number, number]; since: number | undefined }
type Chart = {
  metric: 'connected' | 'health' | 'updates' | 'bytes'
  title: string
  lines: readonly (readonly [key: string, label: string, tone?: 'ok' | 'warn' | 'bad' | 'accent'])[]
  format: (value: number) => string
  /** Whether a point is a sum of what happened in it; the others are counts at instants. */
  sums: boolean
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const calendar = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'short' })

/** When counting began: the time of today, with the date on another day. */
function sinceText(seconds: number): string {
  const then = new Date(seconds * 1000)
  return `since ${(then.toDateString() === new Date().toDateString() ? clock : calendar).format(then)}`
}

const whole = (value: number) => count(Math.round(value))

const CHARTS: readonly Chart[] = [
  { metric: 'connected', title: 'Connected devices', lines: [['connected', 'connected'], ['devices', 'all devices']], format: whole, sums: false },
  { metric: 'health', title: 'Health', lines: [['healthy', 'healthy', 'ok'], ['warning', 'warning', 'warn'], ['unhealthy', 'unhealthy', 'bad']], format: whole, sums: false },
  {
    metric: 'updates',
    title: 'Updates that ended',
    lines: [['installed', 'installed', 'ok'], ['failed', 'failed', 'bad'], ['reverted', 'went back', 'warn'], ['lapsed', 'nothing heard', 'accent']],
    format: whole,
    sums: true,
  },
  { metric: 'bytes', title: 'Bytes of their files', lines: [['full', 'whole files'], ['delta', 'deltas']], format: (v) => bytes(Math.round(v)), sums: true },
]

export function History() {
  const [range, choose] = useRange()
  return (
    <Card title="Over time" actions={<Select label="Time" options={RANGES} value={range.value} onChange={choose} />}>
      <div className={chartsClass}>
        {CHARTS.map((chart) => (
          <OverTime key={chart.metric} chart={chart} range={range} />
        ))}
      </div>
      <p className="small muted">
        Counted once a minute; kept by the minute for two days and by the hour for 400 days. Gaps are times in which no server counted.
      </p>
    </Card>
  )
}

function OverTime({ chart, range }: { chart: Chart; range: Range }) {
  const { org, product } = useProduct()
  const series = useQuery({
    queryKey: ['series', org, product, chart.metric, range.value],
    placeholderData: keepPreviousData,
    refetchInterval: EVERY,
    queryFn: async ({ signal }): Promise<Series> => {
      const whole = spanOf(range)
      // A young fleet has its data at the very end: the shorter the time, the closer are the points that the server answers.
      for (let span = whole; ; ) {
        const query = { metric: chart.metric, from: iso(span[0]), to: iso(span[1]), points: POINTS }
        const found = await data(api.GET('/api/orgs/{org}/products/{product}/series', { params: { path: { org, product }, query }, signal }))
        const points = { t: found.t, lines: Object.values(found.series as Record<string, (number | null)[]>) }
        const less = narrowed(span, points)
        if (less[0] === span[0]) return { ...found, span, since: span[0] > whole[0] ? firstOf(points) : undefined }
        span = less
      }
    },
  })
  const { step, since } = series.data ?? {}
  const notes = [chart.sums && step && `in ${duration(step)}`, since && sinceText(since)].filter(Boolean)
  return (
    <section>
      <h3>
        {chart.title}
        {notes.length > 0 && <span className="small muted"> {notes.join(', ')}</span>}
      </h3>
      {series.error && <Failure error={series.error} again={() => void series.refetch()} />}
      {series.isPending && <Skeleton lines={5} />}
      {series.data && <Lines chart={chart} series={series.data} />}
    </section>
  )
}

function Lines({ chart, series }: { chart: Chart; series: Series }) {
  const lines = useMemo(() => {
    const found = series.series as Record<string, (number | null)[]>
    return chart.lines.map(([key, label, tone]) => ({ label, values: found[key] ?? [], ...(tone && { tone }) }))
  }, [chart, series])
  if (lines.every((l) => l.values.every((v) => v === null))) {
    return <p className="muted">Nothing is counted yet: the first point comes within a minute.</p>
  }
  // From nothing, so that a few devices of many are not a cliff.
  const most = Math.max(1, ...lines.flatMap((l) => l.values.map((v) => v ?? 0)))
  return <LineChart label={chart.title} t={series.t} lines={lines} span={series.span} format={chart.format} range={[0, most * 1.1]} whole />
}
