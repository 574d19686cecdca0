/** What a step is called, what it keeps to and what it exceeded, in words. */
import { count } from '../../ui/text'
import type { Forecast, Step } from './group-api'
import { type WorkflowStep, gatesOf, limitsOf } from './workflow'

/** What the server calls the step that takes all devices that no other step took; a release without a workflow has this one only. */
const REST = 'Everyone else'

/** The name of a step; the only step of a release has nobody beside it. */
export function stepName(name: string, steps: number): string {
  return steps === 1 && name === REST ? 'Everyone' : name
}

/** A sentence of the server about a release with so many steps, with the same name for its only step. */
export function stepSentence(sentence: string, steps: number): string {
  return steps === 1 ? sentence.replace(`tep ${REST} `, 'tep Everyone ') : sentence
}

/** What a step exceeded, and the other limits and gates that it has. */
export type StepLimits = { over: string[]; keeps: string[] }

/** The limits and gates of a step, with how far each is. */
export function stepLimits(step: Step, rule: WorkflowStep | undefined): StepLimits {
  const begun = step.state !== 'ahead'
  const over: string[] = []
  const keeps: string[] = []
  if (typeof step.limit === 'number') keeps.push(`${begun ? `${count(step.touched)} of ` : ''}at most ${count(step.limit)} devices`)
  const tolerated = step.tolerated_failures
  if (typeof tolerated === 'number') {
    if (!begun) keeps.push(...limitsOf({ failure_tolerance: { devices: tolerated } }))
    else (step.failed > tolerated ? over : keeps).push(`${count(step.failed)} failed, ${count(tolerated)} tolerated`)
  }
  if (rule) {
    keeps.push(...limitsOf({ ...rule, failure_tolerance: {} }))
    const marked = `${count(step.validated)} of ${count(step.touched)}`
    keeps.push(...gatesOf(rule).map((gate) => (begun && gate.includes('marked') ? `${gate}: ${marked}` : gate)))
  }
  return { over, keeps }
}

/**
 * The reason for which a release stopped has the failures of that moment. Updates that were on their way went on, so there may be more
 * by now: how many, or null where nothing changed.
 */
export function failedSince(sentence: string, failed: number): number | null {
  const then = /(\d+) of \d+ devices failed/.exec(sentence)?.[1]
  return then === undefined || Number(then) === failed ? null : failed
}

/** How many devices of a step get it later, since something keeps them from it now; nothing where all are ready. */
export function laterText({ type, devices, ready }: Pick<Forecast['steps'][number], 'type' | 'devices' | 'ready'>): string {
  if (type === 'approval_required' || ready >= devices) return ''
  if (ready > 0) return `${count(devices - ready)} of ${count(devices)} later`
  return devices === 1 ? 'later' : `all ${count(devices)} later`
}
