/**
 * A text of code that is edited, with its mistakes marked where they are: underlined, with a sign at the line and the message under
 * the pointer or at F8. Tab leaves it, as it leaves every other field. CodeMirror is named only here and in its neighbours.
 */
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import { HighlightStyle, bracketMatching, syntaxHighlighting } from '@codemirror/language'
import { json } from '@codemirror/lang-json'
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint'
import { Compartment, EditorState, type Extension } from '@codemirror/state'
import { EditorView, drawSelection, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { type RefObject, useEffect, useId, useRef } from 'react'
import parts from '../ui/parts.module.css'
import css from './code-editor.module.css'
import { look } from './look'

export type Mark = Pick<Diagnostic, 'from' | 'to' | 'message'>

type Props = {
  label: string
  hint?: string
  value: string
  onChange: (value: string) => void
  disabled?: boolean
  error?: string | undefined
  /** The mistakes, by place; null while they are not known for this text. */
  marks: readonly Mark[] | null
  /** The editor, for whoever goes to a place in it. */
  view: RefObject<EditorView | null>
}

const colours = HighlightStyle.define([
  { tag: tags.propertyName, color: 'var(--accent)' },
  { tag: tags.string, color: 'var(--ok)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--warn)' },
])

const FIXED: Extension = [
  lineNumbers(),
  history(),
  drawSelection(),
  bracketMatching(),
  highlightActiveLine(),
  EditorView.lineWrapping,
  syntaxHighlighting(colours),
  json(),
  lintGutter(),
  look,
  keymap.of([...defaultKeymap, ...historyKeymap, ...lintKeymap]),
]

export function CodeEditor({ label, hint, value, onChange, disabled = false, error, marks, view }: Props) {
  const id = useId()
  const holder = useRef<HTMLDivElement>(null)
  const change = useRef(onChange)
  change.current = onChange
  const about = useRef(new Compartment())
  const first = useRef(value)
  useEffect(() => {
    if (!holder.current) return
    const told = EditorView.updateListener.of((u) => u.docChanged && change.current(u.state.doc.toString()))
    const made = new EditorView({
      parent: holder.current,
      state: EditorState.create({ doc: first.current, extensions: [FIXED, told, about.current.of([])] }),
    })
    view.current = made
    return () => {
      view.current = null
      made.destroy()
    }
  }, [view])
  const wrong = error !== undefined || (marks !== null && marks.length > 0)
  useEffect(() => {
    const attributes = {
      'aria-labelledby': id + '-label',
      'aria-describedby': [error && id + '-error', hint && id + '-hint'].filter(Boolean).join(' '),
      'aria-invalid': String(wrong),
      autocapitalize: 'off',
      tabindex: '0',
    }
    const extensions = [EditorState.readOnly.of(disabled), EditorView.editable.of(!disabled), EditorView.contentAttributes.of(attributes)]
    view.current?.dispatch({ effects: about.current.reconfigure(extensions) })
  }, [id, hint, error, wrong, disabled, view])
  useEffect(() => {
    const now = view.current
    // A template takes the place of the text; what was typed here is there already.
    if (now && value !== now.state.doc.toString()) now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: value } })
  }, [value, view])
  useEffect(() => {
    const now = view.current
    if (!now || !marks) return
    const most = now.state.doc.length
    const found = marks.map((m): Diagnostic => ({ ...m, from: Math.min(m.from, most), to: Math.min(m.to, most), severity: 'error' }))
    now.dispatch(setDiagnostics(now.state, found.sort((a, b) => a.from - b.from)))
  }, [marks, view])
  return (
    <div className={parts.field}>
      <span className={parts.label} id={id + '-label'} onClick={() => view.current?.focus()}>
        {label}
      </span>
      <div ref={holder} className={css.editor} data-disabled={disabled || undefined} data-wrong={wrong || undefined} />
      {error && (
        <span className={parts.error} id={id + '-error'} role="alert">
          {error}
        </span>
      )}
      {hint && (
        <span className={parts.hint} id={id + '-hint'}>
          {hint}
        </span>
      )}
    </div>
  )
}

/** Goes to a place of the text and selects it. */
export function goTo(view: EditorView | null, { from, to }: { from: number; to: number }): void {
  if (!view) return
  const most = view.state.doc.length
  view.dispatch({ selection: { anchor: Math.min(from, most), head: Math.min(to, most) }, scrollIntoView: true })
  view.focus()
}
