/** A moment: how long ago, and on hover exactly when, in the viewer's zone and in UTC. */
import { useSyncExternalStore } from 'react'
import { frozenAt, onFreeze } from './freeze'
import { ago, moment } from './text'

// One clock for all, so that a long table does not have a timer a row.
let now = Date.now()
let timer = 0
const told = new Set<() => void>()
function subscribe(changed: () => void): () => void {
  told.add(changed)
  const thaw = onFreeze(changed)
  timer ||= window.setInterval(() => {
    now = Date.now()
    for (const t of told) t()
  }, 5000)
  return () => {
    told.delete(changed)
    thaw()
    if (told.size === 0) {
      window.clearInterval(timer)
      timer = 0
    }
  }
}

/** The time, which moves on every five seconds, and stands still while it is frozen. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => frozenAt() ?? now)
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' })

/** `word` stands in place of how long ago it was, where that would mislead; the exact time is still shown on hover. */
export function Time({ at, word }: { at: string | null | undefined; word?: string | undefined }) {
  const current = useNow()
  if (!at) return <span className="muted">–</span>
  const then = moment(at)
  if (Number.isNaN(then.getTime())) return <span>{at}</span>
  return (
    <time dateTime={then.toISOString()} title={`${local.format(then)}\n${then.toISOString()}`}>
      {word ?? ago(then, frozenAt() ?? Math.max(current, Date.now() - 5000))}
    </time>
  )
}
