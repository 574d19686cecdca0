/** All steps of a release at once: which are done, which is now, which are ahead, and what each waits for. */
import type { Rollout } from '../../api/types'
import { Bar, type Segment } from '../../ui/bar'
import { Card } from '../../ui/layout'
import { Status } from '../../ui/status'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'
import type { Step } from './group-api'
import { stepStatus } from './group-status'
import { type WorkflowStep, gatesOf, limitsOf, rulesOf, whoOf } from './workflow'
import css from './group.module.css'

export function StepsCard({ progress, workflow }: { progress: Rollout; workflow: unknown }) {
  const rules = rulesOf(workflow, progress.steps)
  return (
    <Card title={progress.steps.length === 1 ? 'One step' : `${progress.steps.length} steps`}>
      <ol className={css.steps}>
        {progress.steps.map((step, i) => (
          <StepCard key={`${i} ${step.name}`} number={i + 1} step={step} rule={rules[i]} progress={progress} last={i + 1 === progress.steps.length} />
        ))}
      </ol>
    </Card>
  )
}

type StepProps = { number: number; step: Step; rule: WorkflowStep | undefined; progress: Rollout; last: boolean }

function StepCard({ number, step, rule, progress, last }: StepProps) {
  const status = stepStatus(step, progress)
  return (
    <li className={css.step} data-state={step.state} aria-current={step.state === 'current' ? 'step' : undefined}>
      <div className="row">
        <h3 className="grow">
          {number} {step.name}
        </h3>
        <Status tone={status.tone}>{status.word}</Status>
      </div>
      {rule?.description && <p className="small">{rule.description}</p>}
      {step.type === 'approval_required' ? <Approval step={step} /> : <Devices step={step} rule={rule} last={last} />}
      {step.since && (
        <p className="small muted">
          The present step since <Time at={step.since} />.
        </p>
      )}
    </li>
  )
}

function Approval({ step }: { step: Step }) {
  const needed = step.approvals_needed ?? 1
  const missing = Math.max(0, needed - step.approvals)
  const segments: Segment[] = [
    { tone: 'ok', label: 'approved', count: step.approvals },
    { tone: 'waiting', label: 'to approve', count: step.state === 'done' ? 0 : missing },
  ]
  return (
    <>
      <p className="small">{needed === 1 ? 'One person has to approve.' : `${needed} different people have to approve.`}</p>
      <Bar label={`Approvals of ${step.name}`} segments={segments} />
    </>
  )
}

function Devices({ step, rule, last }: { step: Step; rule: WorkflowStep | undefined; last: boolean }) {
  const rest = Math.max(0, step.touched - step.installed - step.in_flight - step.failed)
  const segments: Segment[] = [
    { tone: 'ok', label: 'run it', count: step.installed },
    { tone: 'running', label: 'updating', count: step.in_flight },
    { tone: 'bad', label: 'failed', count: step.failed },
    ...(rest > 0 ? [{ tone: 'waiting' as const, label: 'tried, to be tried again', count: rest }] : []),
  ]
  const waits = waitsFor(step, rule)
  return (
    <>
      {rule && <p className="small">{whoOf(rule)}.</p>}
      {step.state === 'ahead' ? (
        <p className="small muted">Begins when the steps before it are over.</p>
      ) : (
        <Bar label={step.name} segments={segments} />
      )}
      {waits.length > 0 && (
        <div className="small">
          <p className="muted">{last ? 'It keeps to:' : step.state === 'done' ? 'It kept to:' : 'It keeps to, and the next step waits for:'}</p>
          <ul>
            {waits.map((w) => (
              <li key={w}>{w}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  )
}

/** The limits and gates of a step, with how far each is. */
function waitsFor(step: Step, rule: WorkflowStep | undefined): string[] {
  const begun = step.state !== 'ahead'
  const all = [
    step.limit !== null && step.limit !== undefined ? `${begun ? `${count(step.touched)} of ` : ''}at most ${count(step.limit)} devices` : '',
    step.tolerated_failures !== null && step.tolerated_failures !== undefined
      ? begun
        ? `${count(step.failed)} failed, ${count(step.tolerated_failures)} tolerated`
        : step.tolerated_failures === 0
          ? 'stops when one fails'
          : `stops when more than ${count(step.tolerated_failures)} fail`
      : '',
    ...(rule ? limitsOf({ ...rule, failure_tolerance: {} }) : []),
    ...(rule
      ? gatesOf(rule).map((gate) => (begun && gate.includes('marked') ? `${gate}: ${count(step.validated)} of ${count(step.touched)}` : gate))
      : []),
  ]
  return all.filter(Boolean)
}
