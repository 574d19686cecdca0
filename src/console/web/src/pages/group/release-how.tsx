/** The third step of a release: its workflow, automatic rollback and limits. */
import { Suspense, lazy } from 'react'
import { Check, TextField } from '../../ui/form'
import { Skeleton } from '../../ui/layout'
import { PlaceCard, type PlaceProps } from './release-place'
import { workflowOf } from './release-draft'
import { TEMPLATES, stepsOf, textOf } from './workflow'
import type { WorkflowCheck } from './workflow-check'
import { WorkflowSteps } from './workflow-steps'
import css from './group.module.css'

const WorkflowEditor = lazy(() => import('./workflow-editor'))

export function HowPlace({ draft, change, group, check }: PlaceProps & { check: WorkflowCheck }) {
  const s = group.settings
  const workflow = draft.plan === 'keep' ? s?.workflow : workflowOf(draft)
  const kept = stepsOf(s?.workflow).length
  const choices = [
    {
      id: 'keep',
      label: 'As the group has it',
      hint: kept ? `Its workflow of ${kept} ${kept === 1 ? 'step' : 'steps'}.` : 'It has no workflow: everybody at once.',
    },
    ...TEMPLATES,
    { id: 'own', label: 'A workflow of your own', hint: 'Written as JSON, from what is chosen now.' },
  ]
  const choose = (plan: string) => change(plan === 'own' ? { plan, workflow: draft.workflow || textOf(workflow) } : { plan })
  return (
    <PlaceCard title="3 How">
      <div className={css.pair}>
        <fieldset className={css.choices}>
          <legend>In which steps it reaches the devices</legend>
          {choices.map((c) => (
            <label key={c.id} className={css.choice}>
              <input type="radio" name="plan" checked={draft.plan === c.id} onChange={() => choose(c.id)} />
              <span>
                <strong>{c.label}</strong>
                <br />
                <span className="small muted">{c.hint}</span>
              </span>
            </label>
          ))}
        </fieldset>
        {draft.plan !== 'own' && (
          <div className="stack-small">
            <h3>In words</h3>
            <WorkflowSteps workflow={workflow} />
          </div>
        )}
      </div>
      {draft.plan === 'own' && (
        <Suspense fallback={<Skeleton lines={6} />}>
          <WorkflowEditor text={draft.workflow} onChange={(text) => change({ workflow: text })} check={check} />
        </Suspense>
      )}
      <Check
        label="Roll back by itself"
        hint="A release that stops by itself is taken back by a new one."
        checked={draft.rollback ?? s?.automatic_rollback ?? false}
        onChange={(rollback) => change({ rollback })}
      />
      <div className={css.fields}>
        <TextField
          label="Updates at once"
          hint="At least 1."
          inputMode="numeric"
          value={draft.slots ?? String(s?.concurrent_updates ?? '')}
          onChange={(e) => change({ slots: e.target.value })}
        />
        <TextField
          label="Bytes a second"
          hint="On average at most; empty for no limit."
          inputMode="numeric"
          value={draft.rate ?? String(s?.bytes_per_second ?? '')}
          onChange={(e) => change({ rate: e.target.value })}
        />
      </div>
      <p className="small muted">These become settings of the group and hold for later releases, too.</p>
    </PlaceCard>
  )
}
