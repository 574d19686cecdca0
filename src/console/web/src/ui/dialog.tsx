/** Dialogs: a plain one, and one that asks before something that cannot be taken back. */
import { AlertDialog } from '@base-ui/react/alert-dialog'
import { Dialog as Base } from '@base-ui/react/dialog'
import { type FormEvent, type ReactNode, useId, useRef, useState } from 'react'
import { Problem } from '../api/problem'
import { Button } from './button'
import { Notice } from './layout'
import css from './parts.module.css'

export function Dialog(props: {
  open: boolean
  onClose: () => void
  title: string
  wide?: boolean
  children: ReactNode
}) {
  const back = useWayBack(props.open)
  return (
    <Base.Root open={props.open} onOpenChange={(open) => !open && props.onClose()}>
      <Base.Portal>
        <Base.Backdrop className={css.backdrop} />
        <Base.Popup className={css.dialog} data-wide={props.wide || undefined} finalFocus={back}>
          <Base.Title className={css.dialogTitle}>{props.title}</Base.Title>
          {props.children}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  )
}

/** Where the focus goes when a dialog closes: to what had it before, or to the page when that is gone, such as an item of a menu. */
function useWayBack(open: boolean): () => HTMLElement | null {
  const before = useRef<Element | null>(null)
  const was = useRef(false)
  if (open && !was.current) before.current = document.activeElement
  was.current = open
  return () => {
    const element = before.current
    return element instanceof HTMLElement && element.isConnected && element !== document.body ? element : document.getElementById('main')
  }
}

export function DialogButtons({ children }: { children: ReactNode }) {
  return <div className={css.dialogEnd}>{children}</div>
}

type ConfirmProps = {
  open: boolean
  onClose: () => void
  title: string
  /** What will happen, in a sentence or more. */
  children: ReactNode
  /** The word of the button that does it. */
  act: string
  danger?: boolean
  /** What has to be typed first, for what many devices would feel. */
  typed?: string
  /** Whether a reason is asked for; it is kept in the audit log. */
  reason?: boolean
  onConfirm: (reason: string) => Promise<unknown>
}

/** Asks before it acts, and stays open with the reason when the server refuses. */
export function Confirm(props: ConfirmProps) {
  const busy = useRef(false)
  const back = useWayBack(props.open)
  return (
    <AlertDialog.Root open={props.open} onOpenChange={(open) => !open && !busy.current && props.onClose()}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={css.backdrop} />
        <AlertDialog.Popup className={css.dialog} finalFocus={back}>
          <AlertDialog.Title className={css.dialogTitle}>{props.title}</AlertDialog.Title>
          <ConfirmForm {...props} onBusy={(now) => (busy.current = now)} />
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}

/** While it acts it stays: what the server answers must be seen. */
function ConfirmForm({ children, act, danger, typed, reason, onConfirm, onClose, onBusy }: ConfirmProps & { onBusy: (busy: boolean) => void }) {
  const [text, setText] = useState('')
  const [why, setWhy] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const [typedId, reasonId] = [useId(), useId()]
  const ready = !typed || text === typed
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (!ready) return
    setBusy(true)
    onBusy(true)
    setProblem(null)
    try {
      await onConfirm(why)
      onClose()
    } catch (e) {
      setProblem(e instanceof Problem ? e.message : String(e))
    } finally {
      setBusy(false)
      onBusy(false)
    }
  }
  return (
    <form className="stack-small" onSubmit={(e) => void submit(e)}>
      <AlertDialog.Description render={<div className="stack-small" />}>{children}</AlertDialog.Description>
      {reason && (
        <div className={css.field}>
          <label className={css.label} htmlFor={reasonId}>
            Reason, for the audit log
          </label>
          <input id={reasonId} className={css.input} value={why} onChange={(e) => setWhy(e.target.value)} maxLength={200} />
        </div>
      )}
      {typed && (
        <div className={css.field}>
          <label className={css.label} htmlFor={typedId}>
            Type <code>{typed}</code> to go on
          </label>
          <input id={typedId} className={css.input} value={text} onChange={(e) => setText(e.target.value)} autoComplete="off" />
        </div>
      )}
      {problem && <Notice kind="bad">{problem}</Notice>}
      <DialogButtons>
        <Button onClick={onClose} disabled={busy}>
          Keep as it is
        </Button>
        <Button type="submit" kind={danger ? 'danger' : 'primary'} disabled={!ready} busy={busy}>
          {act}
        </Button>
      </DialogButtons>
    </form>
  )
}
