/**
 * Time that somebody stopped, to read what moves: the clock of the page stands still, nothing is read again by itself, and the event
 * stream rests, until they let it go on. What they ask for themselves is still answered.
 */
import { focusManager } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'

let since: number | null = null
const told = new Set<() => void>()

/** When time was stopped, in milliseconds since 1970; null while it goes on. */
export function frozenAt(): number | null {
  return since
}

/** Stops time, or lets it go on. */
export function freeze(on: boolean): void {
  if (on === (since !== null)) return
  since = on ? Date.now() : null
  // Queries are read again at intervals while the page has the focus: one that is frozen is read like one that nobody looks at.
  focusManager.setFocused(on ? false : undefined)
  for (const changed of [...told]) changed()
}

/** Calls back when time is stopped or goes on; returns how to end that. */
export function onFreeze(changed: () => void): () => void {
  told.add(changed)
  return () => told.delete(changed)
}

export function useFrozen(): number | null {
  return useSyncExternalStore(onFreeze, frozenAt)
}
