/** What may come next in a device query, at the place of the caret. The language is docs/protocol/rules.md, "Device queries". */
import type { QueryColumn } from '../api/types'

export type Completion = {
  /** What is written. */
  text: string
  /** What it means, for people. */
  hint: string
  /** Where the text that it replaces begins and ends. */
  from: number
  to: number
}

const AT_MOST = 40
const OPERATORS = /^([<>!=]=?|like|is|contains|not_contains)$/

/** The words of a text with their places; a string in quotes is one word. */
export function words(text: string): { text: string; from: number; to: number }[] {
  const found = []
  for (const match of text.matchAll(/"(?:[^"\\]|\\.)*"?|[()]|[<>!=]=?|[^\s()"<>!=]+/g)) {
    found.push({ text: match[0], from: match.index, to: match.index + match[0].length })
  }
  return found
}

/** Completions for a text with the caret at a place. */
export function complete(text: string, caret: number, columns: readonly QueryColumn[]): Completion[] {
  const before = words(text.slice(0, caret))
  const last = before.at(-1)
  const touching = last !== undefined && last.to === caret && !/^[()]$/.test(last.text)
  const begun = touching ? last.text : ''
  const [from, to] = touching ? [last.from, caret] : [caret, caret]
  const earlier = (touching ? before.slice(0, -1) : before).map((w) => w.text)
  const offer = (all: readonly (readonly [string, string])[]) =>
    all
      .filter(([word]) => word.toLowerCase().includes(begun.toLowerCase().replace(/^"/, '')) && word !== begun)
      .slice(0, AT_MOST)
      .map(([word, hint]) => ({ text: word, hint, from, to }))
  const place = placeAfter(earlier, columns)
  if (place.wants === 'column') return offer([...columns.map((c) => [c.name, c.hint ?? ''] as const), ['not', 'what does not match']])
  if (place.wants === 'operator') return offer(place.column.operators.map((o) => [o, ''] as const))
  if (place.wants === 'value') {
    const values = (place.column.values ?? []) as unknown[]
    return offer(values.map((v) => [quoted(String(v)), ''] as const))
  }
  return offer([
    ['and', 'both'],
    ['or', 'one of them'],
  ])
}

type Place = { wants: 'column' | 'joiner' } | { wants: 'operator' | 'value'; column: QueryColumn }

/** What the words so far leave room for. */
function placeAfter(earlier: readonly string[], columns: readonly QueryColumn[]): Place {
  let place: Place = { wants: 'column' }
  for (let i = 0; i < earlier.length; i++) {
    const word = earlier[i] ?? ''
    if (place.wants === 'column') {
      const column = columns.find((c) => c.name === word)
      if (column) place = { wants: 'operator', column }
    } else if (place.wants === 'operator') {
      // An operator may be of two words.
      const two = `${word} ${earlier[i + 1] ?? ''}`
      if (place.column.operators.includes(two)) i++
      place = { wants: 'value', column: place.column }
    } else if (place.wants === 'value') place = { wants: 'joiner' }
    else if (word === 'and' || word === 'or') place = { wants: 'column' }
  }
  return place
}

/** A value as a query writes it: in quotes when it is not one plain word. */
export function quoted(value: string): string {
  return /^[A-Za-z0-9_.:+-]+$/.test(value) && !/^(and|or|not)$/i.test(value) ? value : JSON.stringify(value)
}

/** Adds a condition to a query, which keeps its meaning. */
export function narrowed(query: string, condition: string): string {
  const text = query.trim()
  if (!text) return condition
  const all = words(text).map((w) => w.text.toLowerCase())
  // What has no operator is no query: the server searches for it, which a query says as `search like`.
  if (!all.some((w) => OPERATORS.test(w))) return `search like ${JSON.stringify(`%${text}%`)} and ${condition}`
  return all.includes('or') ? `(${text}) and ${condition}` : `${text} and ${condition}`
}
