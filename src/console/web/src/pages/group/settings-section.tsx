/** A card of settings: its fields, saved together, with what the server refuses at each. */
import { type ReactNode, useState } from 'react'
import { Button } from '../../ui/button'
import { Check, SelectField, TextArea, TextField, useForm } from '../../ui/form'
import { Card } from '../../ui/layout'
import { toast } from '../../ui/toast'
import { type Field, type Section, typed, written } from './settings-fields'
import { wordsOf } from './conditions'
import css from './group.module.css'

export type Values = Record<string, unknown>
type Edits = Record<string, string | boolean>

type SectionProps = {
  section: Section
  values: Values
  disabled: boolean
  save: (changed: Values) => Promise<unknown>
}

/** What was typed stays while the group is read again beside it; what was not typed follows what the server says. */
export function SectionCard({ section, values, disabled, save }: SectionProps) {
  const [edits, setEdits] = useState<Edits>({})
  const form = useForm(
    async () => {
      const changed = section.fields.filter((f) => f.name in edits).map((f) => [f.name, written(f.kind, edits[f.name] ?? '')])
      await save(Object.fromEntries(changed) as Values)
      setEdits({})
      toast('The settings are saved.')
    },
    section.fields.map((f) => f.name),
  )
  return (
    <FormCard
      title={section.title}
      text={section.text}
      form={form}
      disabled={disabled}
      changed={Object.keys(edits).length > 0}
      onDiscard={() => setEdits({})}
    >
      <div className={css.fields}>
        {section.fields.map((f) => (
          <FieldInput
            key={f.name}
            field={f}
            value={edits[f.name] ?? typed(f.kind, values[f.name])}
            error={form.error(f.name)}
            disabled={disabled}
            onChange={(value) => setEdits((before) => ({ ...before, [f.name]: value }))}
          />
        ))}
      </div>
    </FormCard>
  )
}

type FormCardProps = {
  title: string
  text: string
  form: ReturnType<typeof useForm>
  disabled: boolean
  /** Whether what was typed cannot be saved as it is. */
  blocked?: boolean
  changed: boolean
  onDiscard: () => void
  children: ReactNode
}

/** A card that is a form: a sentence, its fields, and buttons that appear active when something was changed. */
export function FormCard({ title, text, form, disabled, blocked, changed, onDiscard, children }: FormCardProps) {
  return (
    <Card title={title}>
      <form className="stack-small" onSubmit={form.submit}>
        <p className="muted">{text}</p>
        {form.problem}
        {children}
        <div className="row">
          <Button type="submit" kind={changed ? 'primary' : undefined} busy={form.busy} disabled={disabled || blocked || !changed}>
            Save
          </Button>
          {changed && <Button onClick={onDiscard}>Discard</Button>}
          {disabled && <span className="small muted">Changing it takes the role manage.</span>}
        </div>
      </form>
    </Card>
  )
}

type FieldProps = { field: Field; value: string | boolean; error: string | undefined; disabled: boolean; onChange: (value: string | boolean) => void }

const INTERFACES = ['ethernet', 'wifi', 'cellular', 'unknown']

function FieldInput({ field: f, value, error, disabled, onChange }: FieldProps) {
  if (typeof value === 'boolean') return <Check label={f.label} hint={f.hint} checked={value} disabled={disabled} onChange={onChange} />
  const common = { label: f.label, hint: f.hint, error, disabled }
  switch (f.kind) {
    case 'long':
      return <TextArea {...common} maxLength={1000} value={value} onChange={(e) => onChange(e.target.value)} />
    case 'code':
      return (
        <div className={css.whole}>
          <TextArea {...common} mono spellCheck={false} value={value} onChange={(e) => onChange(e.target.value)} />
        </div>
      )
    case 'order':
      return (
        <SelectField
          {...common}
          value={value}
          onChange={onChange}
          options={[
            { value: 'FIFO', label: 'connected longest first' },
            { value: 'LIFO', label: 'newest device first' },
          ]}
        />
      )
    case 'interfaces':
      return (
        <Interfaces label={f.label} hint={f.hint} chosen={wordsOf(value)} disabled={disabled} onChange={(chosen) => onChange(chosen.join(', '))} />
      )
    case 'number':
      return <TextField {...common} inputMode="numeric" value={value} onChange={(e) => onChange(e.target.value)} />
    case 'time':
      return <TextField {...common} type="datetime-local" value={value} onChange={(e) => onChange(e.target.value)} />
    default:
      return <TextField {...common} mono={f.kind === 'mono'} value={value} onChange={(e) => onChange(e.target.value)} />
  }
}

type InterfacesProps = { label: string; hint: string; chosen: readonly string[]; disabled: boolean; onChange: (chosen: string[]) => void }

function Interfaces({ label, hint, chosen, disabled, onChange }: InterfacesProps) {
  return (
    <fieldset className={css.set}>
      <legend>{label}</legend>
      {INTERFACES.map((name) => (
        <Check
          key={name}
          label={name}
          checked={chosen.includes(name)}
          disabled={disabled}
          onChange={(on) => onChange(INTERFACES.filter((i) => (i === name ? on : chosen.includes(i))))}
        />
      ))}
      <span className="small muted">{hint}</span>
    </fieldset>
  )
}
