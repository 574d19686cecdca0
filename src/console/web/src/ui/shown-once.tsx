/** A dialog with what the server never tells again: while that is shown, neither a stray click nor Esc closes it, only its button. */
import { type ReactNode, useEffect, useRef } from 'react'
import { Button } from './button'
import { Dialog, DialogButtons } from './dialog'

type Props = {
  open: boolean
  /** Whether it is shown now; before, the dialog may ask for something and is closed as any other. */
  once: boolean
  onClose: () => void
  title: string
  wide?: boolean
  children: ReactNode
}

export function ShownOnce({ once, onClose, children, ...dialog }: Props) {
  const content = useRef<HTMLDivElement>(null)
  // What was asked with goes, and the focus with it. It is not put on the button: the key that sent the form might press that, too.
  useEffect(() => {
    if (once) content.current?.focus()
  }, [once])
  return (
    <Dialog {...dialog} onClose={() => !once && onClose()}>
      <div ref={content} tabIndex={-1} style={{ outline: 'none' }}>
        {children}
      </div>
    </Dialog>
  )
}

/** The only way out of a dialog with what is shown once; `wait` holds it back until something else was done. */
export function Kept({ label = 'I have kept it', wait, onDone }: { label?: string; wait?: boolean; onDone: () => void }) {
  return (
    <DialogButtons>
      <Button kind="primary" disabled={wait} onClick={onDone}>
        {label}
      </Button>
    </DialogButtons>
  )
}
