/** What is asked before an act on a release, with what it does to which devices. */
import type { ReactNode } from 'react'
import { api, take } from '../../api/client'
import type { Group, Rollout } from '../../api/types'
import { queries } from '../../session/session'
import { toast } from '../../ui/toast'
import { count, counted } from '../../ui/text'
import { type GroupAddress, groupKey, refreshGroup, retryDeltas, retryFailed, rollBack, steer } from './group-api'
import { currentStep, failedOf, inFlightOf } from './group-status'

export type Asked = 'pause' | 'resume' | 'abort' | 'approve' | 'rollback' | 'retry failed' | 'retry deltas' | 'delete'

/** What is asked before an act, and what happens when it is confirmed. */
export type Question = {
  title: string
  act: string
  danger?: boolean
  typed?: string
  reason?: boolean
  children: ReactNode
  onConfirm: (reason: string) => Promise<unknown>
}

export function questionsOf(at: GroupAddress, group: Group, progress: Rollout | undefined, leave: () => Promise<void>): Record<Asked, Question> {
  const name = group.name
  const whole = `release ${progress?.release ?? ''} of ${name}`
  const done = (text: string) => () => toast(text)
  const which = (rest: string, middle: string, there: string) => <Which progress={progress} rest={rest} middle={middle} there={there} />
  const finish = 'they finish the update that they were told of.'
  const stay = 'nothing changes for them.'
  return {
    pause: {
      title: `Pause ${whole}?`,
      act: 'Pause',
      reason: true,
      children: which('nobody more is told until it is resumed.', finish, stay),
      onConfirm: (why) => steer(at, 'pause', why).then(done('The release is paused.')),
    },
    resume: {
      title: `Resume ${whole}?`,
      act: 'Resume',
      reason: true,
      children: which('they are updated as their step and the limits allow.', finish, stay),
      onConfirm: (why) => steer(at, 'resume', why).then(done('The release goes on.')),
    },
    approve: {
      title: `Approve step ${(progress && currentStep(progress)?.name) ?? ''}?`,
      act: 'Approve',
      reason: true,
      children: (
        <>
          <Approvals progress={progress} />
          {which('those of the next step are updated once enough people have approved.', finish, stay)}
        </>
      ),
      onConfirm: (why) => steer(at, 'approve', why).then(done('You approved the step.')),
    },
    abort: {
      title: `Abort ${whole} for good?`,
      act: 'Abort',
      danger: true,
      reason: true,
      typed: name,
      children: (
        <>
          {which('they stay with what they run.', finish, 'they keep the release. Roll back instead to take it from them.')}
          <p>An aborted release cannot be resumed; the next release begins anew.</p>
        </>
      ),
      onConfirm: (why) => steer(at, 'abort', why).then(done('The release is aborted.')),
    },
    rollback: rollBackQuestion(at, progress, (back) => toast(answerOf(back))),
    'retry failed': retryFailedQuestion(at, progress),
    'retry deltas': retryDeltasQuestion(at),
    delete: {
      title: `Delete ${name}?`,
      act: 'Delete',
      danger: true,
      typed: name,
      children: which(
        'they keep running what they run, and enter another group when they connect if one takes them.',
        finish,
        'they keep running it. The group’s releases, limits and workflow are gone.',
      ),
      onConfirm: () => remove(at, leave).then(done(`${name} is deleted.`)),
    },
  }
}

type Back = Awaited<ReturnType<typeof rollBack>>

/** Asks before the current release is taken back; `then` is told what the rollback answered. */
export function rollBackQuestion(at: GroupAddress, progress: Rollout | undefined, then: (back: Back) => void): Question {
  return {
    title: `Roll back release ${progress?.release ?? ''} of ${at.group}?`,
    act: 'Roll back',
    danger: true,
    reason: true,
    typed: at.group,
    children: (
      <>
        <Which
          progress={progress}
          rest="they hear nothing if they run the firmware that it goes back to."
          middle="they finish and go back then."
          there="they go back."
        />
        <p>
          A new release brings the firmware and archive of the newest earlier release with another firmware that was neither stopped nor aborted. It
          goes to everyone at once, within the group’s limits.
        </p>
        <p>To go back to one that you choose, release its firmware again.</p>
      </>
    ),
    onConfirm: (why) => rollBack(at, why).then(then),
  }
}

export function retryFailedQuestion(at: GroupAddress, progress: Rollout | undefined): Question {
  return {
    title: `Try ${counted(progress ? failedOf(progress) : 0, 'failed device')} again?`,
    act: 'Retry',
    reason: true,
    children: <p>They leave the penalty box, their attempts are forgotten, and failures count anew. A release that stopped goes on.</p>,
    onConfirm: (why) => retryFailed(at, why).then((n) => toast(`${counted(n, 'device')} ${n === 1 ? 'is' : 'are'} tried again.`)),
  }
}

/** Why failed devices cannot be tried again now; null when they can. */
export function retryHeld(progress: Rollout | undefined): string | null {
  if (!progress) return 'there is no release'
  if (progress.state === 'paused' || progress.state === 'aborted') return `it is ${progress.state}`
  return failedOf(progress) === 0 ? 'no device failed' : null
}

/** Why the current release cannot be taken back; null when it can. */
export function rollBackHeld(progress: Rollout | undefined): string | null {
  if (!progress) return 'there is no release'
  if (progress.takes_back) return 'it takes back another one itself'
  return progress.release === 1 ? 'it is the first release' : null
}

export function retryDeltasQuestion(at: GroupAddress): Question {
  return {
    title: 'Make deltas again?',
    act: 'Make them again',
    children: (
      <p>
        Those that failed, took too long or were withdrawn are made again. Devices wait for them for up to ten minutes, as for new ones; those that
        were told of the whole file already finish with it.
      </p>
    ),
    onConfirm: () => retryDeltas(at).then((n) => toast(`${counted(n, 'delta')} ${n === 1 ? 'is' : 'are'} made again.`)),
  }
}

/** Leaves the pages of the group before what was read of it is let go, so that they do not ask for what is gone. */
async function remove(at: GroupAddress, leave: () => Promise<void>): Promise<void> {
  await take(api.DELETE('/api/orgs/{org}/products/{product}/deployments/{name}', { params: { path: at.path } }))
  await leave()
  queries.removeQueries({ queryKey: groupKey(at) })
  await refreshGroup(at)
}

function Approvals({ progress }: { progress: Rollout | undefined }) {
  const step = progress && currentStep(progress)
  if (!step) return null
  return (
    <p>
      {step.approvals} of {step.approvals_needed ?? 1} people approved it so far; each counts once.
    </p>
  )
}

/** What an act does to devices, by how far the release is with them. */
function Which({ progress, rest, middle, there }: { progress: Rollout | undefined; rest: string; middle: string; there: string }) {
  if (!progress) return null
  const updating = inFlightOf(progress)
  const waiting = Math.max(0, progress.devices - progress.updated - updating)
  return (
    <ul className="stack-small">
      <li>
        <strong className="num">{counted(waiting, 'device')}</strong> that did not start or failed: {rest}
      </li>
      <li>
        <strong className="num">{counted(updating, 'device')}</strong> in the middle: {middle}
      </li>
      <li>
        <strong className="num">{counted(progress.updated, 'device')}</strong> that {progress.updated === 1 ? 'runs' : 'run'} it: {there}
      </li>
    </ul>
  )
}

/** What a rollback answered. */
function answerOf({ rollout, done, in_the_middle: middle, not_started: rest }: Back): string {
  return `Release ${rollout.release} takes it back: ${count(done)} go back, ${count(middle)} after their update, ${count(rest)} were not reached.`
}
