/** A page number in the address, and a search text that is asked a moment after the last key. */
import { useEffect, useState } from 'react'

/** The page that the address names, from 1. */
export function pageOf(text: string): number {
  const page = Number.parseInt(text, 10)
  return page > 0 ? page : 1
}

/** A text that is typed: shown at once, asked a moment later, and taken over when the address changes by other means. */
export function useTyped(asked: string, ask: (text: string) => void): [string, (text: string) => void] {
  const [text, setText] = useState(asked)
  useEffect(() => setText(asked), [asked])
  useEffect(() => {
    if (text.trim() === asked) return
    const timer = window.setTimeout(() => ask(text.trim()), 250)
    return () => window.clearTimeout(timer)
  }, [text, asked, ask])
  return [text, setText]
}
