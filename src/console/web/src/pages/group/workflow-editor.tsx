/** Edits a workflow as JSON: the server names mistakes by path while one types, each is marked in the text, and its steps stand beside it in words. */
import { type RefObject, useMemo, useRef } from 'react'
import type { EditorView } from '@codemirror/view'
import { CodeEditor, type Mark, goTo } from '../../editor/code-editor'
import { lineAt, mistakeIn, placeOf } from '../../editor/json-place'
import { Button } from '../../ui/button'
import { Status } from '../../ui/status'
import { counted } from '../../ui/text'
import type { Mistake } from './group-api'
import { TEMPLATES, parse, textOf } from './workflow'
import type { WorkflowCheck } from './workflow-check'
import { WorkflowSteps } from './workflow-steps'
import css from './group.module.css'

type Props = {
  text: string
  onChange: (text: string) => void
  check: WorkflowCheck
  error?: string | undefined
  disabled?: boolean
}

export default function WorkflowEditor({ text, onChange, check, error, disabled }: Props) {
  const view = useRef<EditorView>(null)
  const { workflow, problem } = parse(text)
  // Mistakes are those of the text that was checked; while somebody types the editor moves its marks along.
  const marks = useMemo(() => (check.checked ? marksOf(text, check.mistakes) : null), [text, check.checked, check.mistakes])
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
        <CodeEditor
          label="Workflow, as JSON"
          hint="Empty for everybody at once. It holds for the next release; the current one keeps its own."
          value={text}
          onChange={onChange}
          error={error}
          disabled={disabled ?? false}
          marks={marks}
          view={view}
        />
        <div className="stack-small">
          <h3>In words</h3>
          <Mistakes check={check} text={text} marks={marks} view={view} />
          {problem === null && <WorkflowSteps workflow={workflow} />}
        </div>
      </div>
    </div>
  )
}

/** Where each mistake is in the text. A text that is no JSON has one mistake, without a path. */
function marksOf(text: string, mistakes: readonly Mistake[]): Mark[] {
  const readable = parse(text).problem === null
  return mistakes.map(({ path, message }) => {
    const place = readable ? placeOf(text, path, message.startsWith('is unknown')) : mistakeIn(text)
    return { ...place, message: [path, message].filter(Boolean).join(' ') }
  })
}

type MistakesProps = { check: WorkflowCheck; text: string; marks: readonly Mark[] | null; view: RefObject<EditorView | null> }

function Mistakes({ check, text, marks, view }: MistakesProps) {
  const { mistakes } = check
  return (
    <div aria-live="polite" className="stack-small">
      {mistakes.length > 0 && <Status tone="bad">{counted(mistakes.length, 'mistake')}</Status>}
      <ul className="stack-small">
        {mistakes.map((m, i) => {
          const mark = marks?.[i]
          return (
            <li key={m.path + m.message} className="small">
              {m.path && <code>{m.path}</code>} {m.message}{' '}
              {mark && (
                <Button small onClick={() => goTo(view.current, mark)}>
                  line {lineAt(text, mark.from)}
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
