/** Workflows as people read them: templates, and each step in sentences. */
import type { Step } from './group-api'
import { counted } from '../../ui/text'

export type WorkflowStep = {
  name?: string
  description?: string
  type?: string
  approvals?: number
  matching_conditions?: { tags?: string[]; network_interfaces?: string[]; match_limit?: number; match_percent?: number }
  concurrent_updates?: number
  failure_tolerance?: { devices?: number }
  gate?: { validated_percent?: number; soak_minutes?: number }
}

export type Workflow = { version: number; steps: WorkflowStep[] }

type Template = { id: string; label: string; hint: string; workflow: Workflow | null }

const share = (name: string, percent: number, devices: number, minutes: number): WorkflowStep => ({
  name,
  matching_conditions: { match_percent: percent },
  failure_tolerance: { devices },
  gate: { validated_percent: 95, soak_minutes: minutes },
})

export const TEMPLATES: readonly Template[] = [
  { id: 'everybody', label: 'Everybody at once', hint: 'No steps: each device is updated as soon as a slot is free.', workflow: null },
  {
    id: 'canary',
    label: 'Canary: 1, 10, 50, 100 %',
    hint: 'A few first. Each step waits until 95 % of its devices marked the firmware as good, and stops when more fail than it tolerates.',
    workflow: {
      version: 1,
      steps: [
        share('Canary', 1, 0, 60),
        share('A tenth', 10, 2, 60),
        share('Half', 50, 10, 120),
        { name: 'Everyone else', type: 'catch_all', failure_tolerance: { devices: 20 } },
      ],
    },
  },
  {
    id: 'sign-off',
    label: 'Two people sign off',
    hint: 'A tenth of the group first; then two different people have to approve before the others get it.',
    workflow: {
      version: 1,
      steps: [
        share('Canary', 10, 1, 30),
        { name: 'Sign-off', type: 'approval_required', approvals: 2 },
        { name: 'Everyone else', type: 'catch_all' },
      ],
    },
  },
]

export function textOf(workflow: unknown): string {
  return workflow ? JSON.stringify(workflow, null, 2) : ''
}

type Parsed = { workflow: unknown; problem: string | null }

/** The workflow of a text; an empty text is none, which updates everybody at once. */
export function parse(text: string): Parsed {
  if (!text.trim()) return { workflow: null, problem: null }
  try {
    return { workflow: JSON.parse(text) as unknown, problem: null }
  } catch (e) {
    return { workflow: null, problem: e instanceof Error ? e.message : String(e) }
  }
}

/** The steps of a value that may be a workflow. */
export function stepsOf(workflow: unknown): WorkflowStep[] {
  const steps = typeof workflow === 'object' && workflow !== null ? (workflow as Partial<Workflow>).steps : undefined
  return Array.isArray(steps) ? steps.filter((s) => typeof s === 'object' && s !== null) : []
}

/** Which devices a step is for; the only step of a workflow leaves none. */
export function whoOf(step: WorkflowStep, steps: number): string {
  if (step.type === 'approval_required') {
    const people = step.approvals ?? 1
    return people === 1 ? 'A person approves' : `${people} different people approve`
  }
  const m = step.matching_conditions ?? {}
  const parts = [
    m.match_percent !== undefined && `${m.match_percent} % of the group, drawn by chance`,
    m.tags?.length && `devices tagged ${m.tags.join(' and ')}`,
    m.network_interfaces?.length && `devices on ${m.network_interfaces.join(' or ')}`,
    m.match_limit !== undefined && `at most ${counted(m.match_limit, 'device')}`,
  ].filter(Boolean)
  const text = parts.join(', ') || (steps === 1 ? 'every device' : 'every device that is left')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** What a step keeps to while it updates. */
export function limitsOf(step: WorkflowStep): string[] {
  const tolerated = step.failure_tolerance?.devices
  return [
    step.concurrent_updates !== undefined ? `${step.concurrent_updates} at once` : '',
    tolerated === undefined ? '' : tolerated === 0 ? 'stops when one fails' : `stops when more than ${tolerated} fail`,
  ].filter(Boolean)
}

/** What has to hold before the step after it begins. */
export function gatesOf(step: WorkflowStep): string[] {
  const { validated_percent: percent, soak_minutes: minutes } = step.gate ?? {}
  return [percent ? `${percent} % of its devices marked the firmware as good` : '', minutes ? `${minutes} min have passed since` : ''].filter(Boolean)
}

/** The steps that a release goes by. The workflow of the settings is for the next release, so it is left out where it differs by now. */
export function rulesOf(workflow: unknown, steps: readonly Step[]): (WorkflowStep | undefined)[] {
  const all = stepsOf(workflow)
  const same = all.length > 0 && all.every((s, i) => s.name === steps[i]?.name) && steps.length - all.length <= 1
  return steps.map((_, i) => (same ? all[i] : undefined))
}
