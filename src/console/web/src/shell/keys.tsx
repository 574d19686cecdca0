/** The keys that act everywhere. Single keys are off while somebody types, and can be switched off (WCAG 2.1.4). */
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { paths } from '../paths'
import { useAddress } from '../product'
import { usePreferences } from '../session/preferences'
import { Dialog } from '../ui/dialog'
import { freeze, frozenAt } from '../ui/freeze'
import parts from '../ui/parts.module.css'
import css from './frame.module.css'

const PAGES: Record<string, string> = {
  o: 'overview',
  d: 'devices',
  r: 'groups',
  f: 'firmware',
  s: 'scripts',
  i: 'insights',
  n: 'notifications',
  a: 'audit',
}
/** How long a `g` or `t` waits for its second key, in milliseconds. */
const SECOND_KEY = 1500

/** Whether keys belong to what has the focus, and not to the page. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName) || target.closest('.xterm') !== null
}

/** Keys that a page has for itself while it is shown, such as `p` where there is something to pin. The newest page's counts. */
const own = new Map<string, (() => void)[]>()

export function useKey(key: string, act: () => void): void {
  const latest = useRef(act)
  latest.current = act
  useEffect(() => {
    const acts = own.get(key) ?? []
    const mine = () => latest.current()
    own.set(key, [...acts, mine])
    return () => void own.set(key, (own.get(key) ?? []).filter((other) => other !== mine))
  }, [key])
}

export function useKeys(act: { palette: () => void; help: () => void }): void {
  const { org, product } = useAddress()
  const { keys } = usePreferences()
  const navigate = useNavigate()
  const go = (page: string | undefined) => {
    if (page && org && product) void navigate(paths.product(org, product, page))
  }
  const latest = useRef({ act, keys, go })
  latest.current = { act, keys, go }
  useEffect(() => {
    let first = { key: '', at: 0 }
    const pressed = (event: KeyboardEvent) => {
      const { act, keys, go } = latest.current
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        act.palette()
        return
      }
      if (event.defaultPrevented || keys === false || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      const before = event.timeStamp - first.at < SECOND_KEY ? first.key : ''
      first = { key: '', at: 0 }
      if (before === 'g') go(PAGES[event.key])
      else if (before === 't' && event.key === 'f') freeze(frozenAt() === null)
      else if (event.key === 'g' || event.key === 't') first = { key: event.key, at: event.timeStamp }
      else if (event.key === '?') act.help()
      // What lies behind an open dialog is not to be reached. Messages, which are dialogs by their role, are none of these.
      else if (document.querySelector(`.${parts.dialog}, [role=menu]`)) return
      else if (event.key === '/') focusOn(event, document.querySelector<HTMLElement>('[data-query]'))
      else if (event.key === 'j' || event.key === 'k') moveRow(event, event.key === 'j' ? 1 : -1)
      else own.get(event.key)?.at(-1)?.()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [])
}

function focusOn(event: KeyboardEvent, element: HTMLElement | null | undefined): void {
  if (!element) return
  event.preventDefault()
  element.focus()
}

/** Goes to the next or previous row of a list: to its link, which Enter opens. A list of devices has the keys for its rows itself. */
function moveRow(event: KeyboardEvent, by: 1 | -1): void {
  const grid = document.querySelector<HTMLElement>('main [role=grid]')
  if (grid) return focusOn(event, grid)
  const links = [...document.querySelectorAll('main tbody tr')].flatMap((row) => row.querySelector<HTMLElement>('a[href], button:not(:disabled)') ?? [])
  const at = links.findIndex((link) => link.closest('tr')?.contains(document.activeElement))
  focusOn(event, at < 0 ? links.at(0) : links[at + by])
}

const LIST: readonly (readonly [string, string])[] = [
  ['Ctrl K', 'search, go and act'],
  ['/', 'to the query of a list'],
  ['j  k', 'next and previous row'],
  ['Enter', 'open the row'],
  ['x', 'select the device'],
  ['Shift X', 'select all devices that match'],
  ['p', 'pin the device, or take its pin off'],
  ['t f', 'freeze time, or let it go on'],
  ['g o', 'overview'],
  ['g d', 'devices'],
  ['g r', 'rollouts'],
  ['g f', 'firmware'],
  ['g s', 'scripts'],
  ['g i', 'insights'],
  ['g n', 'notifications'],
  ['g a', 'audit'],
  ['Esc', 'close what is open'],
]

export function KeyList({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Keys">
      <dl className={css.keys}>
        {LIST.map(([key, what]) => (
          <div key={key} style={{ display: 'contents' }}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p className="small muted">Single keys can be switched off in your profile.</p>
    </Dialog>
  )
}
