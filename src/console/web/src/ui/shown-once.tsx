/** A dialog with what the server never tells again: neither a stray click nor Esc closes it, only its button. */
import type { ReactNode } from 'react'
import { Button } from './button'
import { Dialog, DialogButtons } from './dialog'

type Props = {
  title: string
  /** The word of the button that closes it. */
  done?: string
  /** Whether something has to be done before it may be closed. */
  wait?: boolean
  wide?: boolean
  onDone: () => void
  children: ReactNode
}

export function ShownOnce({ title, done = 'I have kept it', wait, wide, onDone, children }: Props) {
  return (
    <Dialog open onClose={() => undefined} title={title} {...(wide && { wide })}>
      <div className="stack">
        {children}
        <DialogButtons>
          <Button kind="primary" disabled={wait} onClick={onDone}>
            {done}
          </Button>
        </DialogButtons>
      </div>
    </Dialog>
  )
}
