/** A value that follows another one when that has not changed for a moment, so that not each key asks the server. */
import { useEffect, useState } from 'react'

export function usePaused<T>(value: T, pause = 250): T {
  const [last, setLast] = useState(value)
  useEffect(() => {
    const timer = window.setTimeout(() => setLast(value), pause)
    return () => window.clearTimeout(timer)
  }, [value, pause])
  return last
}
