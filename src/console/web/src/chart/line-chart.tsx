/**
 * Lines over time on a canvas, drawn by uPlot. What they show is also a sentence (the chart's name for screen readers) and, on
 * demand, a table. Values under the pointer stand above the chart.
 */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Band } from './bands'
import { colourOf, useThemeChange } from './colours'
import { joined, sentenceOf, type Points, type Values } from './points'
import { Twin, timeText } from './twin'
import css from './line-chart.module.css'

/** `tone` says what a line means; lines without one differ by their order. */
export type Line = { label: string; values: Values; tone?: 'ok' | 'warn' | 'bad' | 'accent' }
export type Threshold = { value: number; label: string; tone: 'warn' | 'bad' }

type Props = {
  label: string
  /** The points in seconds since 1970, ascending. */
  t: readonly number[]
  lines: readonly Line[]
  /** From and to, in seconds since 1970; the axis covers all of it whatever was reported. */
  span: readonly [number, number]
  format: (value: number) => string
  /** The bounds of the value axis; by the values without. */
  range?: readonly [number, number]
  /** Whether there are whole numbers only, so that nothing between them is marked on the axis. */
  whole?: boolean
  thresholds?: readonly Threshold[]
  /** Times that are shaded behind the lines, such as those of an alarm. */
  bands?: readonly Band[]
  height?: number
}

/** Lines differ by their dashes as well as by colour. */
const STROKES = [
  { token: '--accent', dash: [] },
  { token: '--warn', dash: [7, 4] },
  { token: '--ok', dash: [2, 3] },
  { token: '--bad', dash: [9, 3, 2, 3] },
] as const

/** From one mark of an axis of whole numbers to the next: 1, 2, 5, 10 and so on. */
const WHOLE_STEPS = Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat()

type Stroke = (typeof STROKES)[number]

function strokeOf(tone: string | undefined, n: number): Stroke {
  const meant = STROKES.find((s) => s.token === `--${tone}`)
  return meant ?? STROKES[n % STROKES.length] ?? STROKES[0]
}

const NO_BANDS: readonly Band[] = []

/** The class of what holds several charts. */
export const chartsClass = css.charts

export function LineChart({ label, t, lines, span, format, range, whole = false, thresholds = [], bands = NO_BANDS, height = 180 }: Props) {
  const points = useMemo(
    () =>
      joined(
        t,
        lines.map((l) => l.values),
      ),
    [t, lines],
  )
  const [cursor, setCursor] = useState<number | null>(null)
  const alarms = [...new Set(bands.map((b) => b.label))]
  const sentence =
    sentenceOf(lines, format, `${label}, ${timeText(span[0])} to ${timeText(span[1])}`) + (alarms.length ? ` Shaded while ${alarms.join(', ')} was set.` : '')
  return (
    <figure className={css.figure}>
      <figcaption className={css.legend} aria-hidden>
        {lines.map((line, n) => (
          <span key={line.label} className={css.key}>
            <svg width="22" height="8">
              <line x1="0" y1="4" x2="22" y2="4" stroke={`var(${strokeOf(line.tone, n).token})`} strokeWidth="2" strokeDasharray={strokeOf(line.tone, n).dash.join(' ')} />
            </svg>
            {line.label} <strong className="num">{valueAt(points, n, cursor, format)}</strong>
          </span>
        ))}
        <span className="muted num">{cursor === null ? 'newest' : timeText(points.t[cursor] ?? 0)}</span>
      </figcaption>
      <Plot
        sentence={sentence}
        points={points}
        span={span}
        format={format}
        range={range}
        whole={whole}
        thresholds={thresholds}
        bands={bands}
        height={height}
        tones={lines.map((l) => l.tone ?? '').join(' ')}
        onCursor={setCursor}
      />
      <Twin label={label} points={points} lines={lines} format={format} />
    </figure>
  )
}

/** The value of a line under the pointer, or its newest. */
function valueAt(points: Points, line: number, cursor: number | null, format: (value: number) => string): string {
  const values = points.values[line] ?? []
  const value = cursor === null ? values.findLast((v) => v !== null) : values[cursor]
  return value === null || value === undefined ? '–' : format(value)
}

type PlotProps = Required<Pick<Props, 'span' | 'format' | 'whole' | 'thresholds' | 'bands' | 'height'>> & {
  sentence: string
  points: Points
  range: Props['range']
  /** The tones of the lines, in one text, which stays the same as long as they do. */
  tones: string
  onCursor: (index: number | null) => void
}

function Plot({ sentence, points, span, format, range, whole, thresholds, bands, height, tones, onCursor }: PlotProps) {
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(null)
  // What the canvas reads when it draws; new values need no new canvas.
  const now = useRef({ span, format, range, thresholds, bands })
  now.current = { span, format, range, thresholds, bands }
  const count = points.values.length
  useEffect(() => {
    const where = holder.current
    if (!where) return
    const options = optionsOf({ where, tones: tones.split(' '), height, whole, now, onCursor })
    const made = new uPlot(options, [[], ...Array.from({ length: count }, () => [])], where)
    plot.current = made
    const sized = new ResizeObserver(() => {
      if (where.clientWidth > 0) made.setSize({ width: where.clientWidth, height })
    })
    sized.observe(where)
    return () => {
      sized.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [count, tones, height, whole, onCursor])
  useEffect(() => {
    plot.current?.setData([points.t, ...points.values])
  }, [points, span, bands, count, tones, height, whole, onCursor])
  useThemeChange(useCallback(() => plot.current?.redraw(false, true), []))
  return <div ref={holder} className={css.plot} style={{ height }} role="img" aria-label={sentence} />
}

type Now = { current: Pick<PlotProps, 'span' | 'format' | 'range' | 'thresholds' | 'bands'> }

type Made = Pick<PlotProps, 'height' | 'whole' | 'onCursor'> & { where: HTMLElement; tones: readonly string[]; now: Now }

function optionsOf({ where, tones, height, whole, now, onCursor }: Made): uPlot.Options {
  const font = '12px system-ui, sans-serif'
  const axis = { stroke: () => colourOf(where, '--muted'), grid: { stroke: () => colourOf(where, '--line'), width: 1 }, ticks: { show: false }, font }
  return {
    width: Math.max(where.clientWidth, 50),
    height,
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, points: { size: 7 } },
    scales: {
      x: { time: true, range: () => [now.current.span[0], now.current.span[1]] },
      y: { range: (_, least, most) => bounds(now.current.range, least, most) },
    },
    axes: [axis, { ...axis, size: 64, values: (_, splits) => splits.map((v) => now.current.format(v)), ...(whole && { incrs: WHOLE_STEPS }) }],
    series: [
      {},
      ...tones.map((tone, n) => ({
        stroke: () => colourOf(where, strokeOf(tone, n).token),
        width: 1.6,
        dash: [...strokeOf(tone, n).dash],
        points: { size: 5 },
      })),
    ],
    hooks: {
      drawClear: [(u) => drawBands(u, where, now.current.bands)],
      draw: [(u) => drawThresholds(u, where, now.current.thresholds)],
      setCursor: [(u) => onCursor(u.cursor.left !== undefined && u.cursor.left >= 0 ? (u.cursor.idx ?? null) : null)],
    },
  }
}

/** The bounds of the value axis: those that are given, else a little more than the values. */
function bounds(range: Props['range'], least: number | null, most: number | null): [number, number] {
  if (range) return [range[0], range[1]]
  if (least === null || most === null || !Number.isFinite(least) || !Number.isFinite(most)) return [0, 1]
  const room = (most - least || Math.abs(most) || 1) * 0.1
  return [least >= 0 ? Math.max(0, least - room) : least - room, most + room]
}

/** Shades times, with a line at their top: a shape besides the colour. */
function drawBands(u: uPlot, where: HTMLElement, bands: readonly Band[]): void {
  const { ctx, bbox } = u
  ctx.save()
  ctx.fillStyle = colourOf(where, '--bad')
  for (const { from, to } of bands) {
    const left = Math.max(bbox.left, u.valToPos(from, 'x', true))
    const right = Math.min(bbox.left + bbox.width, u.valToPos(to, 'x', true))
    if (right <= left) continue
    ctx.globalAlpha = 0.14
    ctx.fillRect(left, bbox.top, right - left, bbox.height)
    ctx.globalAlpha = 1
    ctx.fillRect(left, bbox.top, right - left, 3 * devicePixelRatio)
  }
  ctx.restore()
}

function drawThresholds(u: uPlot, where: HTMLElement, thresholds: readonly Threshold[]): void {
  const { ctx, bbox } = u
  ctx.save()
  for (const { value, label, tone } of thresholds) {
    const y = u.valToPos(value, 'y', true)
    if (y < bbox.top || y > bbox.top + bbox.height) continue
    ctx.strokeStyle = ctx.fillStyle = colourOf(where, tone === 'bad' ? '--bad' : '--warn')
    ctx.lineWidth = devicePixelRatio
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio])
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`
    ctx.textAlign = 'left'
    // One line stands close below the other: the label of the upper one is above it, that of the lower one below.
    ctx.textBaseline = tone === 'bad' ? 'bottom' : 'top'
    ctx.fillText(label, bbox.left + 4 * devicePixelRatio, y + (tone === 'bad' ? -2 : 3) * devicePixelRatio)
  }
  ctx.restore()
}
