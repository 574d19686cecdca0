/** What holds a release back: each gate and limit with its value now and how far it may go. */
import { Link } from '@tanstack/react-router'
import type { Rollout } from '../../api/types'
import { paths } from '../../paths'
import { Card } from '../../ui/layout'
import { Status, type Tone } from '../../ui/status'
import { Table } from '../../ui/table'
import { bytes, count, percent } from '../../ui/text'
import { Time } from '../../ui/time'
import { type Settings, useGroupAddress } from './group-api'
import { currentStep, inFlightOf } from './group-status'
import { type WorkflowStep, rulesOf } from './workflow'

type Limit = { name: string; now: React.ReactNode; limit: React.ReactNode; state: { tone: Tone; word: string } }

const FINE = { tone: 'ok' as const, word: 'within' }
const FULL = { tone: 'waiting' as const, word: 'at it' }
const OPEN = { tone: 'waiting' as const, word: 'not yet' }
const ON = { tone: 'ok' as const, word: 'on' }
const OFF = { tone: 'off' as const, word: 'off' }

export function LimitsCard({ progress, settings }: { progress: Rollout; settings: Settings | null | undefined }) {
  const { org, product, group } = useGroupAddress()
  const at = progress.steps.findIndex((s) => s.state === 'current')
  const rule = rulesOf(settings?.workflow, progress.steps)[at]
  const rows = [...ofStep(progress, rule), ...(settings ? ofGroup(progress, settings, rule) : [])]
  return (
    <Card
      title="Gates and limits"
      actions={
        <Link className="small" {...paths.group(org, product, group, 'settings')}>
          change them
        </Link>
      }
    >
      <Table
        label="How far each limit is"
        rows={rows}
        rowKey={(r) => r.name}
        none="The group has no limits."
        columns={[
          { name: 'What', names: true, cell: (r) => r.name },
          { name: 'Now', cell: (r) => r.now },
          { name: 'Limit', cell: (r) => r.limit },
          { name: 'State', cell: (r) => <Status tone={r.state.tone}>{r.state.word}</Status> },
        ]}
      />
    </Card>
  )
}

/** The limits of the present step. */
function ofStep(progress: Rollout, rule: WorkflowStep | undefined): Limit[] {
  const step = currentStep(progress)
  if (!step) return []
  if (step.type === 'approval_required') {
    const needed = step.approvals_needed ?? 1
    return [{ name: 'Approvals', now: count(step.approvals), limit: count(needed), state: step.approvals >= needed ? FINE : OPEN }]
  }
  const rows: Limit[] = []
  if (typeof step.tolerated_failures === 'number') {
    const over = step.failed > step.tolerated_failures
    rows.push({
      name: 'Failed devices',
      now: count(step.failed),
      limit: `${count(step.tolerated_failures)} tolerated`,
      state: over ? { tone: 'bad', word: 'over it' } : FINE,
    })
  }
  if (typeof step.limit === 'number') {
    rows.push({
      name: 'Devices of the step',
      now: count(step.touched),
      limit: `at most ${count(step.limit)}`,
      state: step.touched >= step.limit ? FULL : FINE,
    })
  }
  const wanted = rule?.gate?.validated_percent
  if (wanted) {
    // Of all that were tried, as the server counts: a device that failed marks nothing as good.
    const reached = step.touched > 0 && (step.validated / step.touched) * 100 >= wanted
    rows.push({
      name: 'Marked as good',
      now: `${percent(step.validated, step.touched)} of ${count(step.touched)}`,
      limit: `at least ${wanted} %`,
      state: reached ? FINE : OPEN,
    })
  }
  const soak = rule?.gate?.soak_minutes
  if (soak) rows.push({ name: 'Pause after the step', now: '–', limit: `${soak} min`, state: OPEN })
  return rows
}

/** The limits of the group that are set. */
function ofGroup(progress: Rollout, s: Settings, rule: WorkflowStep | undefined): Limit[] {
  const slots = rule?.concurrent_updates ?? s.concurrent_updates
  const updating = inFlightOf(progress)
  const rows: Limit[] = [{ name: 'Updates at once', now: count(updating), limit: `at most ${count(slots)}`, state: updating >= slots ? FULL : FINE }]
  if (s.bytes_per_second) rows.push({ name: 'Bytes a second', now: '–', limit: `${bytes(s.bytes_per_second)} on average`, state: ON })
  const now = new Date().toISOString()
  if (s.starts_at) rows.push({ name: 'Begins', now: '–', limit: <Time at={s.starts_at} />, state: s.starts_at > now ? OPEN : FINE })
  if (s.ends_at) rows.push({ name: 'Ends', now: '–', limit: <Time at={s.ends_at} />, state: s.ends_at < now ? { tone: 'warn', word: 'over' } : FINE })
  if (s.maintenance_window) rows.push({ name: 'Maintenance window', now: '–', limit: windowText(s.maintenance_window), state: ON })
  if (s.minimum_version) rows.push({ name: 'Lowest version', now: '–', limit: <span className="mono">{s.minimum_version}</span>, state: ON })
  if (s.release_tags.length) rows.push({ name: 'Only with tags', now: '–', limit: s.release_tags.join(' and '), state: ON })
  if (s.release_network_interfaces.length) rows.push({ name: 'Only over', now: '–', limit: s.release_network_interfaces.join(' or '), state: ON })
  rows.push({ name: 'Stops when devices are worse off', now: '–', limit: 'compared with the others', state: s.stop_when_worse ? ON : OFF })
  rows.push({ name: 'Rolls back by itself', now: '–', limit: 'when it stops by itself', state: s.automatic_rollback ? ON : OFF })
  return rows
}

export type Window = { from?: string; to?: string; days?: string[]; time_zone?: string }

/** A maintenance window in words. */
function windowText(value: unknown): string {
  const w = value as Window
  return `${w.from} to ${w.to}${w.days?.length ? ` on ${w.days.join(', ')}` : ' every day'}, ${w.time_zone ?? 'UTC'}`
}
