/** The steps of a workflow in words. */
import { gatesOf, limitsOf, stepsOf, whoOf } from './workflow'

export function WorkflowSteps({ workflow }: { workflow: unknown }) {
  const steps = stepsOf(workflow)
  if (steps.length === 0) return <p className="small muted">One step: every device is updated as soon as a slot is free.</p>
  return (
    <ol className="stack-small">
      {steps.map((step, i) => {
        const [limits, gates] = [limitsOf(step), gatesOf(step)]
        return (
          <li key={i} className="small">
            <strong>
              {i + 1} {step.name || 'without a name'}
            </strong>
            <br />
            {whoOf(step, steps.length)}
            {limits.length > 0 && `; ${limits.join(', ')}`}.{gates.length > 0 && ` Then it waits until ${gates.join(', and ')}.`}
          </li>
        )
      })}
    </ol>
  )
}
