/** A search text that is typed: shown at once, asked for a moment after the last key, and kept in the address by whoever asks. */
import { useEffect, useRef, useState } from 'react'

/** How long after the last key, in milliseconds, unless told. */
const PAUSE = 250

/**
 * `asked` is what the address says, `ask` puts another text there. The text is asked for without the spaces around it, but keeps them
 * on the screen. When the address comes to a text that was asked for here, what was typed meanwhile stays; when it comes to another
 * one, by the back button, a link or a button, that one counts.
 */
export function useTyped(asked: string, ask: (text: string) => void, pause = PAUSE): [string, (text: string) => void] {
  const [text, setText] = useState(asked)
  // What the address was and what it is on its way to, oldest first.
  const own = useRef([asked])
  const latest = useRef(ask)
  useEffect(() => {
    latest.current = ask
  })
  useEffect(() => {
    const { left, foreign } = arrived(own.current, asked)
    own.current = left
    if (foreign) setText(asked)
  }, [asked])
  useEffect(() => {
    const wanted = text.trim()
    if (wanted === own.current.at(-1)) return
    const timer = window.setTimeout(() => {
      own.current = [...own.current, wanted]
      latest.current(wanted)
    }, pause)
    return () => window.clearTimeout(timer)
  }, [text, pause])
  return [text, setText]
}

/** What is left of the texts that were asked for when the address comes to one, and whether it is none of them. */
export function arrived(own: readonly string[], asked: string): { left: string[]; foreign: boolean } {
  const at = own.lastIndexOf(asked)
  return at < 0 ? { left: [asked], foreign: true } : { left: own.slice(at), foreign: false }
}
