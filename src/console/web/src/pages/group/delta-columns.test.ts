import { expect, it } from 'vitest'
import { savedOf } from './delta-columns'

it('says what a delta saves, and nothing before it is made', () => {
  expect(savedOf({ saved: 900, size: 100 })).toBe('900 B (90 %)')
  expect(savedOf({ saved: -10, size: 110 })).toBe('0 B (0 %)')
  expect(savedOf({ saved: null, size: null })).toBe('–')
})
