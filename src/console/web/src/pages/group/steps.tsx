/** All steps of a release at once: which are done, which is now, which are ahead, and what each waits for. */
import type { Rollout } from '../../api/types'
import { Bar, type Segment } from '../../ui/bar'
import { Card } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Time } from '../../ui/time'
import type { Step } from './group-api'
import { stepStatus } from './group-status'
import { stepLimits, stepName } from './step-words'
import { type WorkflowStep, rulesOf, whoOf } from './workflow'
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
  const name = stepName(step.name, progress.steps.length)
  return (
    <li className={css.step} data-state={step.state} aria-current={step.state === 'current' ? 'step' : undefined}>
      <div className="row">
        <h3 className="grow">
          {number} {name}
        </h3>
        <Status tone={status.tone}>{status.word}</Status>
      </div>
      {rule?.description && <p className="small">{rule.description}</p>}
      {step.type === 'approval_required' ? <Approval step={step} /> : <Devices name={name} step={step} steps={progress.steps.length} rule={rule} last={last} />}
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

function Devices({ name, step, steps, rule, last }: { name: string; step: Step; steps: number; rule: WorkflowStep | undefined; last: boolean }) {
  const rest = Math.max(0, step.touched - step.installed - step.in_flight - step.failed)
  const segments: Segment[] = [
    { tone: 'ok', label: 'run it', count: step.installed },
    { tone: 'running', label: 'updating', count: step.in_flight },
    { tone: 'bad', label: 'failed', count: step.failed },
    ...(rest > 0 ? [{ tone: 'waiting' as const, label: 'tried, to be tried again', count: rest }] : []),
  ]
  return (
    <>
      {rule && <p className="small">{whoOf(rule, steps)}.</p>}
      {step.state === 'ahead' ? (
        <p className="small muted">Begins when the steps before it are over.</p>
      ) : (
        <Bar label={name} segments={segments} />
      )}
      <Limits step={step} rule={rule} last={last} />
    </>
  )
}

/** What the step exceeded, which is why it stopped, apart from what it keeps to. */
function Limits({ step, rule, last }: { step: Step; rule: WorkflowStep | undefined; last: boolean }) {
  const { over, keeps } = stepLimits(step, rule)
  const now = step.state === 'done' ? 'It kept to:' : last ? 'It keeps to:' : 'It keeps to, and the next step waits for:'
  const head = over.length > 0 ? 'Its other limits:' : now
  return (
    <>
      {over.map((limit) => (
        <p key={limit} className="small">
          <Status tone="bad">Over its limit: {limit}</Status>
        </p>
      ))}
      {keeps.length > 0 && (
        <div className="small">
          <p className="muted">{head}</p>
          <ul>
            {keeps.map((limit) => (
              <li key={limit}>{limit}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  )
}
