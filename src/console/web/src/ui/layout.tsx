/** The parts that pages are laid out of. */
import { Link, useRouterState } from '@tanstack/react-router'
import { Check, Copy } from 'lucide-react'
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { Problem } from '../api/problem'
import { Button, IconButton } from './button'
import css from './parts.module.css'

/** A page: its heading, what can be done on it, and its content. The heading is the title of the browser's tab. */
export function Page(props: {
  title: string
  heading?: ReactNode
  actions?: ReactNode
  children: ReactNode
  wide?: boolean
  fill?: boolean
}) {
  useTitle(props.title)
  return (
    <div className={css.page} data-wide={props.wide || undefined} data-fill={props.fill || undefined}>
      <div className={css.pageHead}>
        <div className="row grow">{props.heading ?? <h1>{props.title}</h1>}</div>
        {props.actions && <div className="row">{props.actions}</div>}
      </div>
      {props.children}
    </div>
  )
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Nervecenter`
  }, [title])
}

export function Card({ title, actions, children }: { title?: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className={css.card} aria-label={title}>
      {title && (
        <header>
          <h2 className="grow">{title}</h2>
          {actions}
        </header>
      )}
      {children}
    </section>
  )
}

export function Notice({ kind, children }: { kind?: 'ok' | 'warn' | 'bad'; children: ReactNode }) {
  return (
    <div className={css.notice} data-kind={kind} role={kind === 'bad' ? 'alert' : 'status'}>
      <div className="grow">{children}</div>
    </div>
  )
}

/** Why something did not come, with a way to ask again. */
export function Failure({ error, again }: { error: unknown; again?: () => void }) {
  const text = error instanceof Problem ? error.message : 'This page failed. Reload it; if it fails again, that is a fault of ours.'
  return (
    <Notice kind="bad">
      <div className="row">
        <span className="grow">{text}</span>
        {again && (
          <Button small onClick={again}>
            Try again
          </Button>
        )}
      </div>
    </Notice>
  )
}

/** What is shown where there is nothing yet: what belongs here and how it comes. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={css.empty}>
      <h2>{title}</h2>
      {children}
    </div>
  )
}

/** A command to run in a terminal, filled in, with a button that copies it. */
export function Command({ text }: { text: string }) {
  return (
    <div className={css.command}>
      <pre>{text}</pre>
      <CopyButton text={text} label="Copy the command" />
    </div>
  )
}

export function CopyButton({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = window.setTimeout(() => setDone(false), 1500)
    return () => window.clearTimeout(timer)
  }, [done])
  // Browsers give a page the clipboard on https and on this machine only.
  if (!navigator.clipboard) return null
  return (
    <IconButton small data-copy label={done ? 'Copied' : label} onClick={() => void navigator.clipboard.writeText(text).then(() => setDone(true))}>
      {done ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
    </IconButton>
  )
}

/** Names and values in two columns. */
export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className={css.facts}>
      {rows.map(([name, value]) => (
        <div key={name} style={{ display: 'contents' }}>
          <dt>{name}</dt>
          <dd>{value === null || value === undefined || value === '' ? <span className="muted">–</span> : value}</dd>
        </div>
      ))}
    </dl>
  )
}

export function Tags({ tags }: { tags: readonly string[] | null | undefined }) {
  if (!tags?.length) return <span className="muted">–</span>
  return (
    <span className="row" style={{ gap: 4 }}>
      {tags.map((tag) => (
        <span key={tag} className={css.tag}>
          {tag}
        </span>
      ))}
    </span>
  )
}

/** Placeholder lines while something is read for the first time. */
export function Skeleton({ lines = 3 }: { lines?: number }) {
  return (
    <div className="stack-small" role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        <div key={i} className={css.skeleton} style={{ width: `${90 - i * 12}%` }} />
      ))}
    </div>
  )
}

export type Tab = { to: string; label: string }

/** Tabs that are pages of their own: each has an address. On a phone they are wider than the screen, and the current one is scrolled to. */
export function TabLinks({ label, tabs }: { label: string; tabs: readonly Tab[] }) {
  const strip = useRef<HTMLElement>(null)
  const path = useRouterState({ select: (s) => s.resolvedLocation?.pathname })
  useEffect(() => {
    const current = strip.current?.querySelector<HTMLElement>('[aria-current="page"]')
    // Only the strip is scrolled, never the page.
    if (strip.current && current) strip.current.scrollLeft = current.offsetLeft - (strip.current.clientWidth - current.offsetWidth) / 2
  }, [path])
  return (
    <nav className={css.tabs} aria-label={label} ref={strip}>
      {tabs.map((tab) => (
        <Link key={tab.to} to={tab.to as never} activeOptions={{ exact: false, includeSearch: false }}>
          {tab.label}
        </Link>
      ))}
    </nav>
  )
}

/** A number with what it counts. */
export function Tile({ value, label, note, to }: { value: ReactNode; label: ReactNode; note?: ReactNode; to?: string }) {
  const body = (
    <>
      <span className="muted small">{label}</span>
      <strong>{value}</strong>
      {note && <span className="small muted">{note}</span>}
    </>
  )
  return to ? (
    <Link className={css.tile} to={to as never}>
      {body}
    </Link>
  ) : (
    <div className={css.tile}>{body}</div>
  )
}

export const tilesClass = css.tiles
export const gridClass = css.grid
