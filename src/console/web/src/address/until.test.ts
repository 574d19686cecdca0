import { expect, it } from 'vitest'
import { wholeSeconds } from '../ui/text'
import { momentIn } from './until'

it('writes a moment to the second, and reads it back', () => {
  const at = Date.UTC(2026, 10, 27, 10, 2, 3, 456)
  expect(wholeSeconds(at)).toBe('2026-11-27T10:02:03Z')
  expect(momentIn(wholeSeconds(at))).toBe(at - 456)
})

it('takes nothing from an address that names no moment', () => {
  expect(['', 'yesterday', '2026-99-01'].map(momentIn)).toEqual([null, null, null])
})
