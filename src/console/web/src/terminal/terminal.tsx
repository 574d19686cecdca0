/** A terminal, drawn by xterm: what is typed goes out, what is written comes in, in the colours of the page. */
import { FitAddon } from '@xterm/addon-fit'
import { Terminal as Xterm, type ITheme } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'
import { useCallback, useEffect, useImperativeHandle, useRef, type Ref } from 'react'
import { colourOf, useThemeChange } from '../chart/colours'
import css from './terminal.module.css'

export type TerminalHandle = {
  write: (text: string) => void
  /** Empties the screen and forgets what was there. */
  reset: () => void
  focus: () => void
  size: () => { rows: number; cols: number }
}

type Props = {
  label: string
  ref: Ref<TerminalHandle>
  onData: (text: string) => void
  onSize: (size: { rows: number; cols: number }) => void
  onTitle: (title: string) => void
  /** The person wants to leave it by the keyboard, which goes to the device otherwise. */
  onLeave: () => void
}

function themeOf(where: HTMLElement): ITheme {
  const colour = (token: string) => colourOf(where, token)
  return {
    background: colour('--bg'),
    foreground: colour('--text'),
    cursor: colour('--accent'),
    cursorAccent: colour('--bg'),
    selectionBackground: colour('--fill-running'),
    selectionForeground: colour('--text'),
    scrollbarSliderBackground: colour('--edge'),
    scrollbarSliderHoverBackground: colour('--muted'),
    scrollbarSliderActiveBackground: colour('--muted'),
  }
}

function leaves(event: KeyboardEvent): boolean {
  return event.key === 'F6' || (event.ctrlKey && event.key === ']')
}

function made(where: HTMLElement): Xterm {
  return new Xterm({
    screenReaderMode: true,
    minimumContrastRatio: 4.5,
    fontFamily: getComputedStyle(where).fontFamily,
    fontSize: 13,
    scrollback: 5000,
    cursorBlink: !window.matchMedia('(prefers-reduced-motion: reduce)').matches,
    theme: themeOf(where),
  })
}

export function Terminal({ label, ref, onData, onSize, onTitle, onLeave }: Props) {
  const holder = useRef<HTMLDivElement>(null)
  const term = useRef<Xterm>(null)
  // The terminal outlives the functions of one drawing of the page.
  const told = useRef({ onData, onSize, onTitle, onLeave })
  told.current = { onData, onSize, onTitle, onLeave }
  useEffect(() => {
    const where = holder.current
    if (!where) return
    const xterm = made(where)
    const fit = new FitAddon()
    xterm.loadAddon(fit)
    xterm.open(where)
    xterm.textarea?.setAttribute('aria-label', label)
    xterm.attachCustomKeyEventHandler((event) => {
      if (!leaves(event)) return true
      if (event.type === 'keydown') {
        event.preventDefault()
        told.current.onLeave()
      }
      return false
    })
    xterm.onData((text) => told.current.onData(text))
    xterm.onTitleChange((title) => told.current.onTitle(title))
    xterm.onResize(({ rows, cols }) => told.current.onSize({ rows, cols }))
    term.current = xterm
    const sized = new ResizeObserver(() => where.clientWidth > 0 && fit.fit())
    sized.observe(where)
    return () => {
      sized.disconnect()
      term.current = null
      xterm.dispose()
    }
  }, [label])
  useThemeChange(
    useCallback(() => {
      if (term.current && holder.current) term.current.options.theme = themeOf(holder.current)
    }, []),
  )
  useImperativeHandle(ref, () => ({
    write: (text) => term.current?.write(text),
    reset: () => term.current?.reset(),
    focus: () => term.current?.focus(),
    size: () => ({ rows: term.current?.rows ?? 24, cols: term.current?.cols ?? 80 }),
  }))
  return <div ref={holder} className={css.terminal} role="group" aria-label={label} />
}
