/** The settings that are more than a field: conditions, workflow, maintenance window and limits of health. */
import { Suspense, lazy, useState } from 'react'
import { Trash2 } from 'lucide-react'
import { Button, IconButton } from '../../ui/button'
import { Check, TextField, useForm } from '../../ui/form'
import { Skeleton } from '../../ui/layout'
import { toast } from '../../ui/toast'
import { ConditionFields, type Typed, conditionsOf, typedOf } from './conditions'
import { ForecastState, Matches, refusedAt, usePreview } from './forecast'
import type { Conditions } from './group-api'
import type { Window } from './limits'
import { FormCard, type Values } from './settings-section'
import { useWorkflowCheck } from './workflow-check'
import { parse, textOf } from './workflow'
import css from './group.module.css'

const WorkflowEditor = lazy(() => import('./workflow-editor'))

type Props<T> = { value: T; disabled: boolean; save: (changed: Values) => Promise<unknown> }

/** A form with one value that is edited as a whole. */
function useEdited<T>(saved: T, write: (edited: T) => Promise<unknown>, known: string[]) {
  // In an object, since null is a value that can be chosen: no window, no workflow.
  const [edited, setEdited] = useState<{ value: T } | null>(null)
  const value = edited ? edited.value : saved
  const form = useForm(async () => {
    await write(value)
    setEdited(null)
    toast('The settings are saved.')
  }, known)
  return { value, form, changed: edited !== null, set: (next: T) => setEdited({ value: next }), discard: () => setEdited(null) }
}

export function ConditionsCard({ value, firmware, group, disabled, save }: Props<Conditions> & { firmware: string; group: string }) {
  const e = useEdited<Typed>(typedOf(value), (typed) => save({ conditions: conditionsOf(typed) }), [
    'conditions.version',
    'conditions.tags',
    'conditions',
  ])
  const preview = usePreview(firmware, conditionsOf(e.value))
  return (
    <FormCard
      title="Which devices it is for"
      text="Connected devices without a group enter the one whose conditions take them. Devices that are in it leave only when platform, architecture or version do not fit."
      form={e.form}
      disabled={disabled}
      changed={e.changed}
      onDiscard={e.discard}
    >
      <div className={css.pair}>
        <div className="stack-small">
          <ConditionFields
            typed={e.value}
            onChange={e.set}
            error={(field) => refusedAt(preview.error, field) ?? e.form.error(field)}
            disabled={disabled}
          />
        </div>
        <div className="stack-small">
          <h3>What that takes now</h3>
          <ForecastState query={preview} />
          {preview.data && !preview.error && <Matches forecast={preview.data} group={group} />}
        </div>
      </div>
    </FormCard>
  )
}

export function WorkflowCard({ value, disabled, save }: Props<unknown>) {
  const e = useEdited(textOf(value), (text) => save({ workflow: parse(text).workflow }), ['workflow'])
  const check = useWorkflowCheck(e.value)
  return (
    <FormCard
      title="Steps of a release"
      text="In which steps a release reaches the devices, and what each step waits for before the next begins."
      form={e.form}
      disabled={disabled}
      blocked={!check.fine}
      changed={e.changed}
      onDiscard={e.discard}
    >
      <Suspense fallback={<Skeleton lines={6} />}>
        <WorkflowEditor text={e.value} onChange={e.set} check={check} error={e.form.error('workflow')} disabled={disabled} />
      </Suspense>
    </FormCard>
  )
}

const DAYS = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']
const NIGHT: Window = { from: '22:00', to: '05:00', days: [], time_zone: 'UTC' }

/** Days left out stand for every day, which is how an empty choice is sent. */
function windowOf(w: Window | null): unknown {
  return w && { from: w.from, to: w.to, time_zone: w.time_zone || 'UTC', ...(w.days?.length && { days: w.days }) }
}

export function WindowCard({ value, disabled, save }: Props<unknown>) {
  const e = useEdited<Window | null>((value as Window | null | undefined) ?? null, (w) => save({ maintenance_window: windowOf(w) }), [
    'maintenance_window',
  ])
  const [w, set] = [e.value, (change: Window) => e.set({ ...w, ...change })]
  return (
    <FormCard
      title="Maintenance window"
      text="Devices are told within it only, in their own time zone if they have one. A window that ends before it begins goes over midnight."
      form={e.form}
      disabled={disabled}
      changed={e.changed}
      onDiscard={e.discard}
    >
      <Check label="Only within a window" checked={w !== null} disabled={disabled} onChange={(on) => e.set(on ? NIGHT : null)} />
      {w && (
        <>
          <div className={css.fields}>
            <TextField label="From" type="time" value={w.from ?? ''} disabled={disabled} onChange={(x) => set({ from: x.target.value })} />
            <TextField label="To" type="time" value={w.to ?? ''} disabled={disabled} onChange={(x) => set({ to: x.target.value })} />
            <TextField
              label="Time zone"
              hint="By its IANA name, such as Europe/Berlin."
              value={w.time_zone ?? ''}
              disabled={disabled}
              onChange={(x) => set({ time_zone: x.target.value })}
            />
          </div>
          <fieldset className={css.set}>
            <legend>Days on which it begins</legend>
            {DAYS.map((day) => (
              <Check
                key={day}
                label={day}
                disabled={disabled}
                checked={w.days?.includes(day) ?? false}
                onChange={(on) => set({ days: DAYS.filter((d) => (d === day ? on : w.days?.includes(d))) })}
              />
            ))}
            <span className="small muted">None chosen is every day.</span>
          </fieldset>
        </>
      )}
      {e.form.error('maintenance_window') && <Refused text={e.form.error('maintenance_window')} />}
    </FormCard>
  )
}

type HealthLimit = { metric: string; above?: number | null; below?: number | null }
type Row = { metric: string; above: string; below: string }

const number = (text: string): number | undefined | string => (text.trim() === '' ? undefined : Number.isNaN(Number(text)) ? text : Number(text))

export function HealthCard({ value, disabled, save }: Props<unknown>) {
  const saved = ((value as HealthLimit[] | null | undefined) ?? []).map((l) => ({
    metric: l.metric,
    above: String(l.above ?? ''),
    below: String(l.below ?? ''),
  }))
  const write = (rows: Row[]) =>
    save({ health_limits: rows.map((r) => ({ metric: r.metric.trim(), above: number(r.above), below: number(r.below) })) })
  const e = useEdited<Row[]>(saved, write, ['health_limits'])
  const set = (i: number, change: Partial<Row>) => e.set(e.value.map((r, j) => (j === i ? { ...r, ...change } : r)))
  return (
    <FormCard
      title="Limits of health"
      text="A health report beyond one of these makes a device unhealthy, and so worse off than the others. They count for reports that come after they were set."
      form={e.form}
      disabled={disabled}
      changed={e.changed}
      onDiscard={e.discard}
    >
      {e.value.length === 0 && <p className="small muted">None: the usual thresholds of processor, memory and disk decide.</p>}
      {e.value.map((r, i) => (
        <div key={i} className={css.limit} role="group" aria-label={`Limit ${i + 1}`}>
          <TextField
            label="Metric"
            mono
            placeholder="cpu_temp"
            value={r.metric}
            disabled={disabled}
            onChange={(x) => set(i, { metric: x.target.value })}
          />
          <TextField label="Above" inputMode="decimal" value={r.above} disabled={disabled} onChange={(x) => set(i, { above: x.target.value })} />
          <TextField label="Below" inputMode="decimal" value={r.below} disabled={disabled} onChange={(x) => set(i, { below: x.target.value })} />
          <IconButton label={`Remove limit ${i + 1}`} disabled={disabled} onClick={() => e.set(e.value.filter((_, j) => j !== i))}>
            <Trash2 size={15} aria-hidden />
          </IconButton>
        </div>
      ))}
      {e.form.error('health_limits') && <Refused text={e.form.error('health_limits')} />}
      <div>
        <Button small disabled={disabled || e.value.length >= 16} onClick={() => e.set([...e.value, { metric: '', above: '', below: '' }])}>
          Add a limit
        </Button>
      </div>
    </FormCard>
  )
}

function Refused({ text }: { text: string | undefined }) {
  return (
    <p role="alert" className={css.refused}>
      {text}
    </p>
  )
}
