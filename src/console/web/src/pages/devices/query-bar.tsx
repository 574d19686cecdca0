/** The query of a device list: typed with completion, and marked where the server does not understand it. */
import { X } from 'lucide-react'
import { type KeyboardEvent, useId, useMemo, useRef, useState } from 'react'
import type { Problem } from '../../api/problem'
import type { QueryColumn } from '../../api/types'
import { IconButton } from '../../ui/button'
import { type Completion, complete } from '../../query/completion'
import css from './query-bar.module.css'

type Props = {
  value: string
  onChange: (text: string) => void
  columns: readonly QueryColumn[]
  problem: Problem | null
  onFocus: () => void
}

export function QueryBar({ value, onChange, columns, problem, onFocus }: Props) {
  const input = useRef<HTMLInputElement>(null)
  const [caret, setCaret] = useState(0)
  const [open, setOpen] = useState(false)
  const [at, setAt] = useState(-1)
  const [listId, errorId] = [useId(), useId()]
  const offers = useMemo(() => (open ? complete(value, caret, columns) : []), [open, value, caret, columns])
  const shown = open && offers.length > 0
  const take = (offer: Completion) => {
    const next = value.slice(0, offer.from) + offer.text + ' ' + value.slice(offer.to).trimStart()
    const place = offer.from + offer.text.length + 1
    onChange(next)
    setAt(-1)
    requestAnimationFrame(() => {
      input.current?.setSelectionRange(place, place)
      setCaret(place)
    })
  }
  const pressed = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      setOpen(false)
      if (!shown) input.current?.blur()
    } else if (!shown) {
      if (event.key === 'ArrowDown') setOpen(true)
      return
    } else if (event.key === 'ArrowDown') setAt((at + 1) % offers.length)
    else if (event.key === 'ArrowUp') setAt(at <= 0 ? offers.length - 1 : at - 1)
    else if ((event.key === 'Enter' || event.key === 'Tab') && at >= 0) {
      const offer = offers[at]
      if (offer) take(offer)
    } else {
      if (event.key === 'Enter') setOpen(false)
      return
    }
    event.preventDefault()
  }
  return (
    <div className={css.bar}>
      <input
        ref={input}
        data-query
        className={css.input}
        value={value}
        placeholder='Search, or ask: connection = connected and tags contains eu'
        aria-label="Device query"
        role="combobox"
        aria-expanded={shown}
        aria-controls={shown ? listId : undefined}
        aria-autocomplete="list"
        aria-activedescendant={shown && at >= 0 ? `${listId}-${at}` : undefined}
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? errorId : undefined}
        autoComplete="off"
        spellCheck={false}
        onChange={(e) => {
          onChange(e.target.value)
          setCaret(e.target.selectionStart ?? e.target.value.length)
          setOpen(true)
          setAt(-1)
        }}
        onSelect={(e) => setCaret(e.currentTarget.selectionStart ?? 0)}
        onFocus={() => {
          onFocus()
          setOpen(true)
        }}
        onBlur={() => setOpen(false)}
        onKeyDown={pressed}
      />
      {value && (
        <span className={css.clear}>
          <IconButton small label="Clear the query" onClick={() => onChange('')}>
            <X size={14} aria-hidden />
          </IconButton>
        </span>
      )}
      {shown && (
        <ul id={listId} className={css.list} role="listbox" aria-label="What may come next">
          {offers.map((offer, i) => (
            <li
              key={offer.text}
              id={`${listId}-${i}`}
              role="option"
              aria-selected={i === at}
              className={css.option}
              onPointerDown={(e) => {
                e.preventDefault()
                take(offer)
              }}
            >
              <code>{offer.text}</code>
              <span className="muted cut">{offer.hint}</span>
            </li>
          ))}
        </ul>
      )}
      {problem && (
        <p className={css.error} id={errorId} role="alert">
          {problem.fields.query ?? problem.message}
        </p>
      )}
    </div>
  )
}
