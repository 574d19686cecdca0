/** A value a moment after it changed last, so that the server is not asked at each key. */
import { useEffect, useState } from 'react'

/** `value` is compared and kept as JSON; `pause` is in milliseconds. */
export function useSettled<T>(value: T, pause = 350): T {
  const [settled, setSettled] = useState(value)
  const text = JSON.stringify(value)
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(JSON.parse(text) as T), pause)
    return () => window.clearTimeout(timer)
  }, [text, pause])
  return settled
}
