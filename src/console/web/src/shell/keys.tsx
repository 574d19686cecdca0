/** The keys that act everywhere. Single keys are off while somebody types, and can be switched off (WCAG 2.1.4). */
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { paths } from '../paths'
import { useAddress } from '../product'
import { usePreferences } from '../session/preferences'
import { Dialog } from '../ui/dialog'
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
/** How long a `g` waits for its second key. */
const SECOND_KEY = 1500

/** Whether keys belong to what has the focus, and not to the page. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName) || target.closest('.xterm') !== null
}

export function useKeys(act: { palette: () => void; help: () => void }): void {
  const { org, product } = useAddress()
  const { keys } = usePreferences()
  const navigate = useNavigate()
  const latest = useRef({ act, org, product, keys, navigate })
  latest.current = { act, org, product, keys, navigate }
  useEffect(() => {
    let first = 0
    const pressed = (event: KeyboardEvent) => {
      const { act, org, product, keys, navigate } = latest.current
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        act.palette()
        return
      }
      if (keys === false || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      if (event.key === '?') act.help()
      else if (event.key === '/') {
        const query = document.querySelector<HTMLElement>('[data-query]')
        if (query) {
          event.preventDefault()
          query.focus()
        }
      } else if (event.key === 'g') first = event.timeStamp
      else if (event.timeStamp - first < SECOND_KEY) {
        first = 0
        const page = PAGES[event.key]
        if (page && org && product) void navigate(paths.product(org, product, page))
      }
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [])
}

const LIST: readonly (readonly [string, string])[] = [
  ['Ctrl K', 'search, go and act'],
  ['/', 'to the query of a list'],
  ['j  k', 'next and previous row'],
  ['Enter', 'open the row'],
  ['x', 'select the row'],
  ['Shift X', 'select all that match'],
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
