/** What can be done with the release of a group: each act where its state allows it, and what it does to which devices. */
import { Link, useNavigate } from '@tanstack/react-router'
import { ChevronDown } from 'lucide-react'
import { useState } from 'react'
import type { Group, Rollout } from '../../api/types'
import { paths } from '../../paths'
import { atLeast, useRole } from '../../session/session'
import { Button, buttonClass } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Menu, type MenuItem } from '../../ui/menu'
import { isUnmade } from './delta-columns'
import { type GroupAddress, useDeltas, useGroupAddress } from './group-api'
import { currentStep } from './group-status'
import { type Asked, questionsOf, retryHeld, rollBackHeld } from './questions'

export function GroupActions({ group, progress }: { group: Group; progress: Rollout | undefined }) {
  const at = useGroupAddress()
  const may = atLeast(useRole(at.org), 'manage')
  const [asked, setAsked] = useState<Asked | null>(null)
  const possible = usePossible(at, progress)
  const item = (what: Asked, label: string, danger = false): MenuItem => ({
    label,
    danger,
    disabled: !may || possible[what] !== null,
    note: may ? (possible[what] ?? undefined) : 'takes the role manage',
    onSelect: () => setAsked(what),
  })
  return (
    <>
      {possible.approve === null && (
        <Button kind="primary" disabled={!may} onClick={() => setAsked('approve')}>
          Approve
        </Button>
      )}
      {possible.pause === null && (
        <Button disabled={!may} onClick={() => setAsked('pause')}>
          Pause
        </Button>
      )}
      {possible.resume === null && (
        <Button disabled={!may} onClick={() => setAsked('resume')}>
          Resume
        </Button>
      )}
      <Menu
        label="More actions"
        items={[
          item('rollback', 'Roll back', true),
          item('abort', 'Abort the release', true),
          'separator',
          item('retry failed', 'Retry failed devices'),
          item('retry deltas', 'Make deltas again'),
          'separator',
          item('delete', 'Delete the group', true),
        ]}
      >
        More <ChevronDown size={15} aria-hidden />
      </Menu>
      {may ? (
        <Link className={buttonClass} {...paths.group(at.org, at.product, at.group, 'release')}>
          New release
        </Link>
      ) : (
        <>
          <Button disabled>New release</Button>
          <span className="small muted">Changes take the role manage.</span>
        </>
      )}
      <Question asked={asked} group={group} progress={progress} onClose={() => setAsked(null)} />
    </>
  )
}

/** Why an act is not possible now; null when it is. */
function usePossible(at: GroupAddress, progress: Rollout | undefined): Record<Asked, string | null> {
  const deltas = useDeltas(at)
  const state = progress?.state
  const unmade = (deltas.data ?? []).filter(isUnmade).length
  const none = 'there is no release'
  return {
    pause: state === 'running' ? null : none,
    resume: state === 'paused' || state === 'stopped' ? null : none,
    approve: state === 'running' && progress && currentStep(progress)?.type === 'approval_required' ? null : none,
    abort: !state ? none : state === 'aborted' ? 'it is aborted' : null,
    rollback: rollBackHeld(progress),
    'retry failed': retryHeld(progress),
    'retry deltas': unmade > 0 ? null : 'all are made, or in the making',
    delete: null,
  }
}

type QuestionProps = { asked: Asked | null; group: Group; progress: Rollout | undefined; onClose: () => void }

function Question({ asked, group, progress, onClose }: QuestionProps) {
  const at = useGroupAddress()
  const navigate = useNavigate()
  if (!asked) return null
  const question = questionsOf(at, group, progress, () => navigate(paths.product(at.org, at.product, 'groups')))[asked]
  return <Confirm key={asked} open onClose={onClose} {...question} />
}
