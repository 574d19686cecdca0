/** A release as it rolls out: all its steps at once, what holds it back, what failed, and what is on its way. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { api, data } from '../../api/client'
import type { Group, Rollout } from '../../api/types'
import { paths } from '../../paths'
import { Bar } from '../../ui/bar'
import { Card, Command, Empty, Failure, Notice, Skeleton } from '../../ui/layout'
import { count, counted, duration } from '../../ui/text'
import { productFlags, shellWord } from '../../ui/shell-word'
import { Time, useNow } from '../../ui/time'
import { quoted } from '../../query/completion'
import { FailuresCard } from './failures'
import { type GroupAddress, groupKey, useGroup, useGroupAddress, useProgress } from './group-api'
import { currentStep, failedOf, groupSegments } from './group-status'
import { InFlightCard } from './in-flight'
import { LimitsCard } from './limits'
import { type Sample, rateAt, withSample } from './rate'
import { failedSince, stepSentence } from './step-words'
import { StepsCard } from './steps'
import { StraysCard } from './strays'
import css from './group.module.css'

export default function Live() {
  const at = useGroupAddress()
  const group = useGroup(at).data
  const progress = useProgress(at)
  const p = progress.data
  if (progress.error && !p) return <Failure error={progress.error} again={() => void progress.refetch()} />
  if (!p || !group) return <Skeleton lines={8} />
  return (
    <div className="stack">
      {progress.error && <Failure error={progress.error} again={() => void progress.refetch()} />}
      <Sentence group={group} progress={p} />
      {p.devices === 0 ? <NoDevices /> : <Progress group={group} progress={p} />}
      <StepsCard progress={p} workflow={group.settings?.workflow} />
      <div className={css.pair}>
        <LimitsCard progress={p} settings={group.settings} />
        <InFlightCard />
      </div>
      <FailuresCard progress={p} />
      <StraysCard />
    </div>
  )
}

/** How devices come into a group; shown while none is in it. */
function NoDevices() {
  const at = useGroupAddress()
  return (
    <Empty title="No device is in the group yet">
      <p>
        A device enters by itself when it connects, is in no other group, and the conditions of this one take it while it is active. Devices that
        match and are elsewhere are listed under Strays below, and can be adopted:
      </p>
      <Command text={`nervecenter deployment adopt ${shellWord(at.group)} ${productFlags(at.org, at.product)}`} />
      <Link {...paths.group(at.org, at.product, at.group, 'settings')}>Look at its conditions</Link>
    </Empty>
  )
}

/** What the release does or waits for, in the words of the server. */
function Sentence({ group, progress: p }: { group: Group; progress: Rollout }) {
  const at = useGroupAddress()
  const bad = p.state === 'stopped' || p.state === 'aborted'
  const warn = !group.is_active || p.state === 'paused' || currentStep(p)?.type === 'approval_required'
  return (
    <Notice {...(bad ? { kind: 'bad' as const } : warn ? { kind: 'warn' as const } : {})}>
      <span>{stepSentence(p.sentence, p.steps.length)}</span>
      <FailedSince progress={p} />
      {p.takes_back && <span> It takes back release {p.takes_back}.</span>}
      {p.status === 'deltas_failed' && (
        <span>
          {' '}
          No delta could be made, so its devices get the whole file: <Link {...paths.group(at.org, at.product, at.group, 'deltas')}>why</Link>.
        </span>
      )}
      {p.changed_at && (
        <span className="muted small">
          {' '}
          {p.state === 'stopped' ? 'Stopped' : 'Since'} <Time at={p.changed_at} />.
        </span>
      )}
    </Notice>
  )
}

/** How many failed by now, where that is not what the sentence says: it has the number at the moment of the stop. */
function FailedSince({ progress: p }: { progress: Rollout }) {
  const step = currentStep(p)
  const failed = p.state === 'stopped' && step ? failedSince(p.sentence, step.failed) : null
  if (failed === null || !step) return null
  return (
    <span>
      {' '}
      That was when it stopped. Updates on their way went on: now <strong className="num">{count(failed)}</strong> of{' '}
      {counted(step.touched, 'device')} {failed === 1 ? 'has' : 'have'} failed.
    </span>
  )
}

/** Devices that do not run the release, by what keeps them from it. */
function useRest(at: GroupAddress, uuid: string) {
  const query = `deployment_group = ${quoted(at.group)} and not (firmware = ${quoted(uuid)})`
  const rest = useQuery({
    queryKey: groupKey(at, 'rest', uuid),
    refetchInterval: 15_000,
    retry: false,
    queryFn: async ({ signal }) => {
      const asked = { query, by: 'updates,connection' }
      const { org, product } = at
      const found = await data(
        api.GET('/api/orgs/{org}/products/{product}/device_facets', { params: { path: { org, product }, query: asked as never }, signal }),
      )
      const of = (column: string, value: string) =>
        (found as Record<string, { value: string | null; count: number }[]>)[column]?.find((v) => v.value === value)?.count ?? 0
      return {
        disabled: of('updates', 'disabled'),
        resting: of('updates', 'penalty-box'),
        offline: of('connection', 'disconnected') + of('connection', 'not_seen'),
      }
    },
  })
  return { query, rest: rest.data }
}

function Progress({ group, progress: p }: { group: Group; progress: Rollout }) {
  const at = useGroupAddress()
  const { query, rest } = useRest(at, group.firmware_uuid ?? '')
  const rate = useRate(p)
  // A device on which the release failed rests as a rule; it is counted as failed, not beside the others.
  const apart = rest ? Math.min(p.devices, rest.disabled + Math.max(0, rest.resting - failedOf(p))) : 0
  const list = (more: string, n: number, word: string) =>
    n > 0 ? (
      <Link {...paths.product(at.org, at.product, 'devices', { q: `${query} and ${more}` })}>
        {count(n)} {word}
      </Link>
    ) : (
      <span>0 {word}</span>
    )
  return (
    <Card title="Progress" actions={rate && <span className="small muted num">{rate}</span>}>
      <p className={css.counts}>
        <span>
          <strong className="num">{count(p.devices - apart)}</strong> of {counted(p.devices, 'device')} {p.devices - apart === 1 ? 'is' : 'are'}{' '}
          eligible
        </span>
      </p>
      <Bar label={`Release ${p.release} of ${at.group}`} segments={groupSegments(p, apart)} />
      {rest && (
        <p className={`small muted ${css.counts}`}>
          <span>Beside it, of those that do not run it:</span>
          {list('updates = disabled', rest.disabled, 'with updates off')}
          {list('updates = penalty-box', rest.resting, 'in the penalty box')}
          {list('(connection = disconnected or connection = not_seen)', rest.offline, 'offline')}
        </p>
      )}
    </Card>
  )
}

/** How many devices were updated a minute, from what was seen since the page was opened, over the last five minutes; nothing while none begins. */
function useRate(p: Rollout): string | null {
  const [seen, setSeen] = useState<readonly Sample[]>([])
  const now = useNow()
  const { release, updated } = p
  useEffect(() => setSeen((before) => withSample(before, { release, at: Date.now(), updated })), [release, updated])
  const each = rateAt(seen, now)
  if (each === null || p.state !== 'running') return null
  const left = p.devices - p.updated
  return `about ${each >= 10 ? Math.round(each) : each.toFixed(1)} a minute${left > 0 ? `, ${duration((left / each) * 60)} for the rest at this rate` : ''}`
}
