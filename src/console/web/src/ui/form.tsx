/** Forms: fields with a label, a hint and the server's message, and the state of a form that the server answers. */
import { type FormEvent, type InputHTMLAttributes, type ReactNode, type TextareaHTMLAttributes, useId, useState } from 'react'
import { Problem } from '../api/problem'
import { Notice } from './layout'
import css from './parts.module.css'

type Around = { label: ReactNode; hint?: ReactNode; error?: string | undefined }

function Around({ id, label, hint, error, children }: Around & { id: string; children: ReactNode }) {
  return (
    <div className={css.field}>
      <label className={css.label} htmlFor={id}>
        {label}
      </label>
      {children}
      {error && (
        <span className={css.error} id={id + '-error'} role="alert">
          {error}
        </span>
      )}
      {hint && (
        <span className={css.hint} id={id + '-hint'}>
          {hint}
        </span>
      )}
    </div>
  )
}

function described(id: string, hint: ReactNode, error: string | undefined): string | undefined {
  return [error && id + '-error', hint && id + '-hint'].filter(Boolean).join(' ') || undefined
}

export function TextField({
  label,
  hint,
  error,
  mono,
  ...input
}: Around & { mono?: boolean } & Omit<InputHTMLAttributes<HTMLInputElement>, 'id'>) {
  const id = useId()
  return (
    <Around id={id} label={label} hint={hint} error={error}>
      <input
        {...input}
        id={id}
        className={css.input}
        data-mono={mono || undefined}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, hint, error)}
      />
    </Around>
  )
}

export function TextArea({
  label,
  hint,
  error,
  mono,
  ...input
}: Around & { mono?: boolean } & Omit<TextareaHTMLAttributes<HTMLTextAreaElement>, 'id'>) {
  const id = useId()
  return (
    <Around id={id} label={label} hint={hint} error={error}>
      <textarea
        {...input}
        id={id}
        className={css.textarea}
        data-mono={mono || undefined}
        aria-invalid={error ? true : undefined}
        aria-describedby={described(id, hint, error)}
      />
    </Around>
  )
}

type Option = { value: string; label: string; disabled?: boolean }

/** A choice of a few: the browser's own list, which each phone and screen reader knows. */
export function SelectField({
  label,
  hint,
  error,
  options,
  value,
  onChange,
  disabled,
}: Around & { options: readonly Option[]; value: string; onChange: (value: string) => void; disabled?: boolean }) {
  const id = useId()
  return (
    <Around id={id} label={label} hint={hint} error={error}>
      <Select id={id} options={options} value={value} onChange={onChange} describedBy={described(id, hint, error)} disabled={disabled} />
    </Around>
  )
}

export function Select(props: {
  options: readonly Option[]
  value: string
  onChange: (value: string) => void
  id?: string
  label?: string
  describedBy?: string | undefined
  disabled?: boolean | undefined
}) {
  return (
    <select
      id={props.id}
      className={css.select}
      value={props.value}
      onChange={(e) => props.onChange(e.target.value)}
      aria-label={props.label}
      aria-describedby={props.describedBy}
      disabled={props.disabled}
    >
      {props.options.map((option) => (
        <option key={option.value} value={option.value} disabled={option.disabled}>
          {option.label}
        </option>
      ))}
    </select>
  )
}

export function Check({
  label,
  hint,
  checked,
  onChange,
  disabled,
}: {
  label: ReactNode
  hint?: ReactNode
  checked: boolean
  onChange: (checked: boolean) => void
  disabled?: boolean
}) {
  return (
    <label className={css.check}>
      <input type="checkbox" checked={checked} onChange={(e) => onChange(e.target.checked)} disabled={disabled} />
      <span>
        {label}
        {hint && <span className={css.hint}> {hint}</span>}
      </span>
    </label>
  )
}

type FormState = {
  busy: boolean
  /** The message of the server that belongs to a field. */
  error: (field: string) => string | undefined
  /** What is wrong with no field in particular. */
  problem: ReactNode
  submit: (event: FormEvent) => void
}

/** The state of a form: whether the server is asked, and what it refused, by field. */
export function useForm(send: () => Promise<unknown>, known: readonly string[] = []): FormState {
  const [busy, setBusy] = useState(false)
  const [refused, setRefused] = useState<Problem | null>(null)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setRefused(null)
    send()
      .catch((e: unknown) => setRefused(e instanceof Problem ? e : new Problem(0, String(e))))
      .finally(() => setBusy(false))
  }
  const ofKnown = refused !== null && Object.keys(refused.fields).length > 0 && Object.keys(refused.fields).every((f) => known.includes(f))
  return {
    busy,
    submit,
    error: (field) => refused?.fields[field],
    problem: refused && !ofKnown ? <Notice kind="bad">{refused.message}</Notice> : null,
  }
}
