import { describe, expect, test } from 'vitest'
import type { QueryColumn } from '../api/types'
import { complete, narrowed, quoted, words } from './completion'

const columns: QueryColumn[] = [
  { name: 'connection', operators: ['=', '!='], values: ['connected', 'disconnected', 'not_seen'], hint: null },
  { name: 'tags', operators: ['contains', 'not_contains'], values: ['eu', 'beta test'], hint: 'a tag' },
  { name: 'update_status', operators: ['is', 'is not'], values: ['updating', 'not updating'], hint: null },
  { name: 'identifier', operators: ['like', 'not like'], values: null, hint: 'a pattern' },
]

/** The completions at the bar. */
function at(marked: string): string[] {
  const caret = marked.indexOf('|')
  return complete(marked.replace('|', ''), caret, columns).map((c) => c.text)
}

describe('completion', () => {
  test('begins with the columns, narrowed by what is typed', () => {
    expect(at('|')).toEqual(['connection', 'tags', 'update_status', 'identifier', 'not'])
    expect(at('con|')).toEqual(['connection'])
    expect(at('nothing like it|')).toEqual([])
  })

  test('goes on with the operators of the column and the values of the product', () => {
    expect(at('connection |')).toEqual(['=', '!='])
    expect(at('connection = |')).toEqual(['connected', 'disconnected', 'not_seen'])
    expect(at('connection = dis|')).toEqual(['disconnected'])
    expect(at('identifier like |')).toEqual([])
  })

  test('knows operators of two words, quotes, parentheses and joiners', () => {
    expect(at('update_status is not |')).toEqual(['updating', '"not updating"'])
    expect(at('tags contains "beta|')).toEqual(['"beta test"'])
    expect(at('tags contains "beta test" |')).toEqual(['and', 'or'])
    expect(at('not (tags contains eu or |')).toContain('connection')
  })

  test('replaces the word at the caret and nothing else', () => {
    const [offer] = complete('tags contains eu and con', 24, columns)
    expect(offer).toMatchObject({ text: 'connection', from: 21, to: 24 })
  })
})

test('a text is cut into words with their places, and a quoted text is one', () => {
  expect(words('a >= "b c" (d)').map((w) => w.text)).toEqual(['a', '>=', '"b c"', '(', 'd', ')'])
  expect(words('"never closed')).toEqual([{ text: '"never closed', from: 0, to: 13 }])
})

test('values are quoted where they are not one plain word', () => {
  expect([quoted('eu'), quoted('1.2.0-rc.1+x'), quoted('beta test'), quoted('say "hi"'), quoted('and')]).toEqual([
    'eu',
    '1.2.0-rc.1+x',
    '"beta test"',
    '"say \\"hi\\""',
    '"and"',
  ])
})

test('a query is narrowed without changing what it means', () => {
  expect(narrowed('', 'tags contains eu')).toBe('tags contains eu')
  expect(narrowed('connection = connected', 'tags contains eu')).toBe('connection = connected and tags contains eu')
  expect(narrowed('a = 1 or b = 2', 'tags contains eu')).toBe('(a = 1 or b = 2) and tags contains eu')
  expect(narrowed('(a = 1)or(b = 2)', 'tags contains eu')).toBe('((a = 1)or(b = 2)) and tags contains eu')
  expect(narrowed('tags contains "this or that"', 'a = 1')).toBe('tags contains "this or that" and a = 1')
  expect(narrowed('weak', 'tags contains eu')).toBe('search like "%weak%" and tags contains eu')
})
