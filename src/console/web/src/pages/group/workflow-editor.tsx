/** Edits a workflow as JSON: the server names mistakes by path while one types, and its steps stand beside it in words. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import { api, data } from '../../api/client'
import { useProduct } from '../../product'
import { Button } from '../../ui/button'
import { TextArea } from '../../ui/form'
import { Status } from '../../ui/status'
import { counted } from '../../ui/text'
import { useSettled } from '../../ui/use-settled'
import type { Mistake } from './group-api'
import { TEMPLATES, gatesOf, limitsOf, parse, stepsOf, textOf, whoOf } from './workflow'
import css from './group.module.css'

/** The mistakes of a workflow's text, and whether it may be sent. */
export function useWorkflowCheck(text: string) {
  const { org, product } = useProduct()
  const settled = useSettled(text)
  const { workflow, problem } = parse(settled)
  const check = useQuery<Mistake[]>({
    queryKey: ['workflow-check', org, product, settled],
    enabled: workflow !== null,
    staleTime: Infinity,
    placeholderData: keepPreviousData,
    retry: false,
    queryFn: ({ signal }) => {
      // What is no object is a mistake that the check answers, too, but its body takes objects only.
      if (typeof workflow !== 'object' || Array.isArray(workflow)) return [{ path: '', message: 'must be an object' }]
      return data(
        api.POST('/api/orgs/{org}/products/{product}/workflows/check', { params: { path: { org, product } }, body: { workflow } as never, signal }),
      )
    },
  })
  const mistakes: Mistake[] = problem ? [{ path: '', message: problem }] : workflow === null ? [] : (check.data ?? [])
  const checked = settled === text && (problem !== null || workflow === null || (check.isSuccess && !check.isPlaceholderData))
  return { mistakes, checked, fine: checked && mistakes.length === 0, error: check.error }
}

type Props = {
  text: string
  onChange: (text: string) => void
  check: ReturnType<typeof useWorkflowCheck>
  error?: string | undefined
  disabled?: boolean
}

export function WorkflowEditor({ text, onChange, check, error, disabled }: Props) {
  const editor = useRef<HTMLDivElement>(null)
  return (
    <div className="stack-small">
      <div className="row" role="group" aria-label="Templates">
        <span className="small muted">Begin with:</span>
        {TEMPLATES.map((t) => (
          <Button key={t.id} small disabled={disabled ?? false} title={t.hint} onClick={() => onChange(textOf(t.workflow))}>
            {t.label}
          </Button>
        ))}
      </div>
      <div className={css.pair}>
        <div className={css.editor} ref={editor}>
          <TextArea
            label="Workflow, as JSON"
            hint="Empty for everybody at once. It holds for the next release; the current one keeps its own."
            mono
            spellCheck={false}
            autoCapitalize="off"
            value={text}
            error={error}
            disabled={disabled}
            aria-invalid={check.mistakes.length > 0 || undefined}
            onChange={(e) => onChange(e.target.value)}
          />
        </div>
        <div className="stack-small">
          <h3>In words</h3>
          <Mistakes check={check} text={text} onShow={(line) => showLine(editor.current, line)} />
          {parse(text).problem === null && <WorkflowSteps workflow={parse(text).workflow} />}
        </div>
      </div>
    </div>
  )
}

/** Goes to a line of the text and selects it. */
function showLine(editor: HTMLElement | null, line: number): void {
  const area = editor?.querySelector('textarea')
  if (!area) return
  const lines = area.value.split('\n')
  const from = lines.slice(0, line - 1).reduce((sum, l) => sum + l.length + 1, 0)
  area.focus()
  area.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0))
  area.scrollTop = ((line - 3) / lines.length) * area.scrollHeight
}

type MistakesProps = { check: Props['check']; text: string; onShow: (line: number) => void }

function Mistakes({ check, text, onShow }: MistakesProps) {
  const { mistakes } = check
  return (
    <div aria-live="polite" className="stack-small">
      {mistakes.length > 0 && <Status tone="bad">{counted(mistakes.length, 'mistake')}</Status>}
      <ul className="stack-small">
        {mistakes.map((m) => {
          const line = m.path ? lineOf(text, m.path) : null
          return (
            <li key={m.path + m.message} className="small">
              {m.path && <code>{m.path}</code>} {m.message}{' '}
              {line && (
                <Button small onClick={() => onShow(line)}>
                  line {line}
                </Button>
              )}
            </li>
          )
        })}
      </ul>
      {check.fine && text.trim() !== '' && <Status tone="ok">No mistakes</Status>}
      {!check.checked && <span className="small muted">checking</span>}
    </div>
  )
}

/** The line of the text that a path is on, as well as it can be told: that of its last name, in the step that it names. */
function lineOf(text: string, path: string): number | null {
  const name =
    path
      .split('.')
      .pop()
      ?.replace(/\[\d+\]$/, '') ?? ''
  const step = Number(/^steps\[(\d+)\]/.exec(path)?.[1] ?? -1)
  const from = step < 0 ? 0 : startOfStep(text, step)
  if (from < 0) return null
  const at = text.indexOf(`"${name}"`, from)
  return text.slice(0, at < 0 ? from : at).split('\n').length
}

/** Where the step with a number begins: each opens with a brace two levels deep. */
function startOfStep(text: string, number: number): number {
  let depth = 0
  let seen = -1
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text[i]
    if (quoted) {
      if (c === '\\') i++
      else if (c === '"') quoted = false
    } else if (c === '"') quoted = true
    else if (c === '{' || c === '[') {
      depth++
      if (c === '{' && depth === 3 && ++seen === number) return i
    } else if (c === '}' || c === ']') depth--
  }
  return -1
}

/** The steps of a workflow in words. */
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
            {whoOf(step)}
            {limits.length > 0 && `; ${limits.join(', ')}`}.{gates.length > 0 && ` Then it waits until ${gates.join(', and ')}.`}
          </li>
        )
      })}
    </ol>
  )
}
