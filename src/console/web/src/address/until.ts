/** The moment at which a view over time ends. Freezing time writes it into the address, so that a link shows the same moment to others. */
import { useEffect, useRef } from 'react'
import { useFrozen } from '../ui/freeze'
import { wholeSeconds } from '../ui/text'
import { useUrl } from './url'

type Until = {
  /** In milliseconds since 1970; null while the view ends now. */
  at: number | null
  /** Ends the view now again. */
  clear: () => void
}

export function useUntil(): Until {
  const { text, change } = useUrl()
  const frozen = useFrozen()
  const before = useRef(frozen)
  useEffect(() => {
    if (frozen === before.current) return
    before.current = frozen
    change({ until: frozen === null ? '' : wholeSeconds(frozen) })
  }, [frozen, change])
  return { at: momentIn(text('until')) ?? frozen, clear: () => change({ until: '' }) }
}

/** The moment that an address names; null for none, and for what is no moment. */
export function momentIn(text: string): number | null {
  const at = Date.parse(text)
  return text === '' || Number.isNaN(at) ? null : at
}
