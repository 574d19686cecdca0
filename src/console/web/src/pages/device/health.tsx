/** "How is it, and how was it?": the metrics of the health reports over time, alarms, and the newest report whole. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { X } from 'lucide-react'
import { useMemo } from 'react'
import { api, data } from '../../api/client'
import type { MetricSeries } from '../../api/types'
import { type Band, bandsOf, reportedIn } from '../../chart/bands'
import { LineChart, chartsClass } from '../../chart/line-chart'
import { Button } from '../../ui/button'
import { Check, Select } from '../../ui/form'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { counted, wholeSeconds } from '../../ui/text'
import { Time } from '../../ui/time'
import { useUntil } from '../../address/until'
import { useUrl } from '../../address/url'
import { D, EVERY, deviceKey, useDeviceAddress, useHealth } from './device'
import { NewestReport, NoHealth } from './health-report'
import { chartsOf, type Metric } from './metrics'
import css from './device.module.css'

const RANGES = [
  { value: '1h', label: 'Last hour', seconds: 3600 },
  { value: '24h', label: 'Last 24 hours', seconds: 86_400 },
  { value: '7d', label: 'Last 7 days', seconds: 604_800 },
]
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' })
/** Alarms that are listed above the charts, the newest. */
const ALARMS = 6
/** Points of a chart; more would stand on one pixel. */
const POINTS = 300

export default function Health() {
  const at = useDeviceAddress()
  const { text, change } = useUrl()
  const range = RANGES.find((r) => r.value === text('range')) ?? RANGES[0]
  const newest = useHealth()
  const keys = useQuery({
    queryKey: deviceKey(at, 'metric-keys'),
    queryFn: ({ signal }) => data(api.GET(`${D}/metrics/keys`, { params: { path: at }, signal })),
  })
  const error = newest.error ?? keys.error
  if (error) return <Failure error={error} again={() => void Promise.all([newest.refetch(), keys.refetch()])} />
  if (!newest.data || !keys.data || !range) return <Skeleton lines={6} />
  const report = newest.data[0]
  if (!report) return <NoHealth />
  return (
    <>
      <NewestReport report={report} />
      <Charts
        keys={keys.data}
        range={range}
        all={text('metrics') === 'all'}
        onRange={(value) => change({ range: value === '1h' ? '' : value })}
        onAll={(on) => change({ metrics: on ? 'all' : '' })}
      />
    </>
  )
}

type Range = (typeof RANGES)[number]
type ChartsProps = { keys: readonly string[]; range: Range; all: boolean; onRange: (value: string) => void; onAll: (on: boolean) => void }

function Charts({ keys, range, all, onRange, onAll }: ChartsProps) {
  const at = useDeviceAddress()
  const until = useUntil()
  const { known, others } = useMemo(() => chartsOf(keys), [keys])
  const shown = all ? [...known, ...others] : known
  const asked = shown.flatMap((m) => m.keys)
  const series = useQuery({
    queryKey: deviceKey(at, 'metrics', range.value, until.at, asked.join(',')),
    enabled: asked.length > 0,
    placeholderData: keepPreviousData,
    refetchInterval: until.at !== null ? false : range.value === '1h' ? EVERY : 60_000,
    queryFn: async ({ signal }) => {
      const to = Math.floor((until.at ?? Date.now()) / 1000)
      const from = to - range.seconds
      const iso = (seconds: number) => wholeSeconds(seconds * 1000)
      // The server takes at most 64 names at once; without names it chooses itself.
      const names = asked.length <= 64 ? asked.join(',') : undefined
      const query = { from: iso(from), to: iso(to), points: POINTS, keys: names }
      return { span: [from, to] as const, ...(await data(api.GET(`${D}/metrics`, { params: { path: at, query }, signal }))) }
    },
  })
  const bands = useMemo(() => alarmBands(series.data), [series.data])
  return (
    <Card
      title="Metrics over time"
      actions={
        <>
          {others.length > 0 && <Check label={`All ${keys.length} metrics`} checked={all} onChange={onAll} />}
          {until.at !== null && (
            <Button small onClick={until.clear} title="Show the newest again">
              until {clock.format(until.at)}
              <X size={13} aria-hidden />
            </Button>
          )}
          <Select label="Time" options={RANGES} value={range.value} onChange={onRange} />
        </>
      }
    >
      {series.error && <Failure error={series.error} again={() => void series.refetch()} />}
      {series.isPending && asked.length > 0 && <Skeleton lines={6} />}
      {asked.length === 0 && <p className="muted">The reports have no metrics that are usual. All metrics shows those that there are.</p>}
      <AlarmTimes bands={bands} />
      <div className={chartsClass}>
        {series.data && shown.map((metric) => <MetricChart key={metric.title} metric={metric} series={series.data} span={series.data.span} bands={bands} />)}
      </div>
    </Card>
  )
}

/** When which alarm was set, oldest first. */
function alarmBands(series: MetricSeries | undefined): Band[] {
  if (!series) return []
  const alarms = series.alarms as Record<string, number[]>
  const reported = reportedIn(series.t, Object.values(series.series as Record<string, (number | null)[]>), Object.values(alarms))
  return Object.entries(alarms)
    .flatMap(([name, counts]) => bandsOf(name, series.t, counts, reported))
    .sort((a, b) => a.from - b.from)
}

/** The alarms of the time that the charts show, in words; the charts shade their times. */
function AlarmTimes({ bands }: { bands: readonly Band[] }) {
  if (bands.length === 0) return null
  const iso = (seconds: number) => new Date(seconds * 1000).toISOString()
  return (
    <ul className={`stack-small ${css.alarms}`} aria-label="Alarms in this time">
      {bands.slice(-ALARMS).map((b) => (
        <li key={b.label + b.from} className="row small">
          <Status tone="bad">alarm {b.label}</Status>
          <span className="muted">
            set <Time at={iso(b.from)} />, last told <Time at={iso(b.to)} />
          </span>
        </li>
      ))}
      {bands.length > ALARMS && <li className="small muted">{counted(bands.length - ALARMS, 'earlier alarm')} of this time are shaded in the charts alone.</li>}
    </ul>
  )
}

type ChartProps = { metric: Metric; series: MetricSeries; span: readonly [number, number]; bands: readonly Band[] }

function MetricChart({ metric, series, span, bands }: ChartProps) {
  const lines = useMemo(() => {
    const found = series.series as Record<string, (number | null)[]>
    return metric.keys.map((key, n) => ({ label: metric.labels[n] ?? key, values: found[key] ?? [] }))
  }, [metric, series])
  const { title, format, range, thresholds } = metric
  return (
    <div>
      <h3>{title}</h3>
      <LineChart label={title} t={series.t} lines={lines} span={span} bands={bands} format={format} {...(range && { range })} {...(thresholds && { thresholds })} />
    </div>
  )
}
