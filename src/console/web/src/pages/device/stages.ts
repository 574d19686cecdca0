/** Where an update of a device stands, from its newest attempt and what the event stream said since. */
import type { Attempt } from '../../api/types'
import type { LiveDevice } from '../../live/live'
import type { Tone } from '../../ui/status'
import { moment } from '../../ui/text'

export const STEPS = ['received', 'downloading', 'updating', 'reboot', 'validated'] as const
const SENTENCES = [
  'was received',
  'is being downloaded',
  'is being written',
  'is written; the device reboots',
  'runs; the device has not marked it as good yet',
]
/** For how long a finished update is shown, in milliseconds. */
const SHOWN_AFTER = 120_000

/** The step that a stage belongs to; -1 before the device answered. */
function stepOf(stage: string): number {
  if (stage === 'completed') return 3
  if (stage === 'installed') return 4
  if (stage === 'started') return 0
  return STEPS.indexOf(stage as (typeof STEPS)[number])
}

export type Shown = { step: number; percent: number | null; ended: 'done' | 'unvalidated' | 'failed' | null; sentence: string }

/** When this page saw an attempt, by the clock of the browser: the server's may show another time. */
export type Seen = { attempt: string; first: number; ended: number | null }

/** What is remembered of the newest attempt, from what was remembered before and when the server answered with it. */
export function seenOf(before: Seen | null, attempt: Attempt, answeredAt: number): Seen {
  const id = `${attempt.at} ${attempt.to.uuid}`
  const known = before?.attempt === id ? before : null
  const ended = () => {
    if (!attempt.ended_at) return null
    // One that was over when the page was opened ended some time before that, whatever the clocks say.
    return known ? (known.ended ?? answeredAt) : Math.min(answeredAt, moment(attempt.ended_at).getTime())
  }
  return { attempt: id, first: known?.first ?? answeredAt, ended: ended() }
}

/**
 * What to show of the newest attempt; null when it is over and done. An event counts when it was told after the page first saw the
 * attempt, since one from before may be about another; the stage that came with the attempt is the server's own.
 */
export function progressOf(attempt: Attempt, seen: Seen, live: LiveDevice | undefined, now: number): Shown | null {
  const to = attempt.to.version ?? attempt.to.uuid
  if (seen.ended === null) {
    const told = live?.stage && live.at > seen.first ? live.stage : undefined
    const step = Math.max(stepOf(attempt.stage), told ? stepOf(told) : -1)
    const percent = told && stepOf(told) === step ? (live?.percent ?? null) : null
    return {
      step,
      percent: step === 1 || step === 2 ? percent : null,
      ended: null,
      sentence: `${to} ${SENTENCES[step] ?? 'was offered and not answered yet'}`,
    }
  }
  if (now - seen.ended > SHOWN_AFTER) return null
  if (attempt.outcome === 'installed') {
    const good = Boolean(attempt.validated_at)
    const sentence = good ? `${to} is installed and validated` : `${to} runs; the device has not marked it as good yet`
    return { step: 4, percent: null, ended: good ? 'done' : 'unvalidated', sentence }
  }
  const reason = attempt.reason ? `: ${attempt.reason}` : ''
  return {
    step: Math.max(0, stepOf(attempt.stage)),
    percent: null,
    ended: 'failed',
    sentence: `${to} was not installed, ${outcomeWord(attempt.outcome)}${reason}`,
  }
}

/** What came of an attempt, in words. */
export function outcomeWord(outcome: string | null | undefined): string {
  switch (outcome) {
    case null:
    case undefined:
      return 'under way'
    case 'ignored':
      return 'refused by the device'
    case 'rescheduled':
      return 'put off by the device'
    case 'returned':
      return 'came back with the earlier firmware'
    case 'other_firmware':
      return 'came back with another firmware'
    case 'lapsed':
      return 'nothing more was heard'
    default:
      return outcome
  }
}

export function outcomeTone(outcome: string | null | undefined): Tone {
  if (outcome === null || outcome === undefined) return 'running'
  if (outcome === 'installed') return 'ok'
  if (outcome === 'ignored' || outcome === 'rescheduled' || outcome === 'withdrawn') return 'off'
  if (outcome === 'lapsed' || outcome === 'other_firmware') return 'warn'
  return 'bad'
}
