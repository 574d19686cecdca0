import { expect, it } from 'vitest'
import { textOf, written } from './url'

it('reads values of the address as texts', () => {
  expect(['a', 2, true, undefined, null, { a: 1 }].map(textOf)).toEqual(['a', '2', 'true', '', '', ''])
})

it('changes some values and leaves empty ones out', () => {
  expect(written({ q: 'a', page: 3, other: 'x' }, { q: '', page: undefined, find: 'b' })).toEqual({ other: 'x', find: 'b' })
})

it('writes short numbers without quotes, and leaves what a number would change', () => {
  expect(written({}, { page: '2', q: '007', find: '12345678901', before: '1.5' })).toEqual({ page: 2, q: '007', find: '12345678901', before: '1.5' })
})
