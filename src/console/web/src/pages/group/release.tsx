/** Makes a release in four steps: which firmware, who gets it, how, and a look at what it would do. */
import { Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import type { Group } from '../../api/types'
import { paths } from '../../paths'
import { atLeast, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Notice, Skeleton } from '../../ui/layout'
import { useGroup, useGroupAddress } from './group-api'
import { useDraft } from './release-draft'
import { CheckPlace } from './release-check'
import { FirmwarePlace } from './release-firmware'
import { HowPlace } from './release-how'
import { WhoPlace } from './release-who'
import { useWorkflowCheck } from './workflow-check'
import css from './group.module.css'

const PLACES = ['Firmware', 'Who', 'How', 'Check'] as const

export default function ReleaseWizard() {
  const at = useGroupAddress()
  const group = useGroup(at).data
  const may = atLeast(useRole(at.org), 'manage')
  if (!group) return <Skeleton lines={8} />
  return (
    <div className="stack" key={at.group}>
      {!may && <Notice kind="warn">You can look at what a release would do; making it takes the role manage.</Notice>}
      <Wizard group={group} may={may} />
    </div>
  )
}

function Wizard({ group, may }: { group: Group; may: boolean }) {
  const { org, product } = useGroupAddress()
  const navigate = useNavigate()
  const { draft, change, step, go } = useDraft()
  const check = useWorkflowCheck(draft.plan === 'own' ? draft.workflow : '')
  const heading = useRef<HTMLDivElement>(null)
  const shown = useRef(step)
  useEffect(() => {
    // Another place is another page: whoever reads by ear begins at its heading.
    if (shown.current !== step) heading.current?.focus()
    shown.current = step
  }, [step])
  const stuck = step === 1 ? (draft.firmware ? null : 'Choose a firmware to go on.') : step === 3 && !check.fine ? 'The workflow has mistakes.' : null
  const props = { draft, change, group }
  return (
    <>
      <nav aria-label="Steps of making a release" className={css.places}>
        {PLACES.map((name, i) => (
          <Button key={name} small aria-current={i + 1 === step ? 'step' : undefined} disabled={i > 0 && !draft.firmware} onClick={() => go(i + 1)}>
            {i + 1} {name}
          </Button>
        ))}
      </nav>
      <div ref={heading} tabIndex={-1}>
        {step === 1 && <FirmwarePlace {...props} />}
        {step === 2 && <WhoPlace {...props} />}
        {step === 3 && <HowPlace {...props} check={check} />}
        {step === 4 && <CheckPlace {...props} may={may} fine={check.fine} onDone={() => navigate(paths.group(org, product, group.name))} />}
      </div>
      <div className="row">
        {step > 1 && <Button onClick={() => go(step - 1)}>Back</Button>}
        {step < 4 && (
          <Button kind="primary" disabled={stuck !== null} onClick={() => go(step + 1)}>
            Next: {PLACES[step]}
          </Button>
        )}
        {stuck && <span className="small muted">{stuck}</span>}
        <Link className="end small" {...paths.group(org, product, group.name)}>
          Leave without a release
        </Link>
      </div>
    </>
  )
}
