/** The state of a group and of its steps in words, and how its devices are divided. */
import type { Group, Rollout, ShortProgress } from '../../api/types'
import { releaseSegments, type Segment } from '../../ui/bar'
import { rolloutStatus, type Tone } from '../../ui/status'
import type { Step } from './group-api'

type Word = { tone: Tone; word: string }

/** The state of a group: that of its switch first, then that of its release. */
export function groupStatus(group: Pick<Group, 'is_active' | 'status'>, progress: Rollout | undefined): Word {
  if (progress?.state === 'stopped' || progress?.state === 'aborted') return rolloutStatus(progress.state)
  if (!group.is_active) return { tone: 'off', word: 'inactive' }
  if (!progress) return { tone: 'off', word: 'active' }
  if (progress.state === 'running' && currentStep(progress)?.type === 'approval_required') return { tone: 'warn', word: 'waits for approval' }
  if (progress.state === 'running' && progress.devices === 0) return { tone: 'off', word: 'no devices' }
  return rolloutStatus(progress.state, progress.status, isDone(progress))
}

/** The state of a group in a list, which shows progress in short. */
export function listedStatus(group: Pick<Group, 'is_active' | 'status' | 'progress'>): Word {
  const { progress } = group
  if (progress?.state === 'stopped' || progress?.state === 'aborted') return rolloutStatus(progress.state)
  if (!group.is_active) return { tone: 'off', word: 'inactive' }
  if (!progress) return { tone: 'off', word: 'active' }
  if (progress.reason.kind === 'approval') return { tone: 'warn', word: 'waits for approval' }
  if (progress.state === 'running' && progress.eligible === 0) return { tone: 'off', word: 'no devices' }
  return rolloutStatus(progress.state, group.status, progress.updated >= progress.eligible)
}

/** How the devices of a group in a list are divided. */
export function listedSegments({ eligible: devices, updated, updating, failed }: ShortProgress): Segment[] {
  return releaseSegments({ devices, updated, updating, failed, apart: 0 })
}

function isDone(progress: Rollout): boolean {
  return progress.devices > 0 && progress.updated >= progress.devices
}

export function currentStep(progress: Rollout): Step | undefined {
  return progress.steps.find((s) => s.state === 'current')
}

export function failedOf(progress: Rollout): number {
  return progress.steps.reduce((sum, s) => sum + s.failed, 0)
}

export function inFlightOf(progress: Rollout): number {
  return progress.steps.reduce((sum, s) => sum + s.in_flight, 0)
}

/** How the devices of a group are divided; `apart` are those that the release is kept from. */
export function groupSegments(progress: Rollout, apart = 0): Segment[] {
  const { devices, updated } = progress
  return releaseSegments({ devices, updated, updating: inFlightOf(progress), failed: failedOf(progress), apart })
}

/** The state of a step, which for the present one is that of the release. */
export function stepStatus(step: Step, progress: Rollout): Word {
  if (step.state === 'done') return { tone: 'ok', word: 'done' }
  if (step.state === 'ahead') return { tone: 'waiting', word: 'ahead' }
  if (progress.state !== 'running') return rolloutStatus(progress.state)
  if (step.type === 'approval_required') return { tone: 'warn', word: 'waits for a person' }
  return isDone(progress) ? { tone: 'ok', word: 'done' } : { tone: 'running', word: 'now' }
}
