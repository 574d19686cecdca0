/** What those who look at the same terminal say to each other, and what happened to it. */
import { type FormEvent, useState } from 'react'
import type { Session } from '../../terminal/session'
import { Button } from '../../ui/button'
import { TextField } from '../../ui/form'
import css from './terminal-page.module.css'

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

export function Talk({ session, onSay }: { session: Session; onSay: (text: string) => void }) {
  const [text, setText] = useState('')
  const say = (event: FormEvent) => {
    event.preventDefault()
    if (!text.trim()) return
    onSay(text.trim())
    setText('')
  }
  return (
    <>
      <div className={css.notes} role="log" aria-label="What happened beside the output" {...(session.notes.length > 0 && { tabIndex: 0 })}>
        {session.notes.toReversed().map((note) => (
          <p key={note.id}>
            <span className="muted num">{clock.format(note.at)}</span> {note.text}
          </p>
        ))}
      </div>
      {session.others.length > 0 && (
        <form className={css.say} onSubmit={say}>
          <TextField label="Say something to the others who look" value={text} maxLength={500} onChange={(e) => setText(e.target.value)} />
          <Button type="submit" disabled={session.state.is !== 'joined'}>
            Send
          </Button>
        </form>
      )}
    </>
  )
}
