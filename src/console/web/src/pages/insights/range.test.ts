import { expect, test } from 'vitest'
import { firstOf, narrowed } from './range'

const HOUR = 3600
const DAY: readonly [number, number] = [0, 24 * HOUR]

test('a span begins with its data when that covers less than half of it', () => {
  const since = (first: number) => ({ t: [0, first, 24 * HOUR], lines: [[null, 1, 2], [null, null, 0]] })
  expect(narrowed(DAY, since(23 * HOUR))).toEqual([23 * HOUR, 24 * HOUR])
  expect(narrowed(DAY, since(11 * HOUR))).toEqual(DAY)
  expect(narrowed(DAY, since(0))).toEqual(DAY)
})

test('ten minutes are shown at least, and the whole span when there is nothing in it', () => {
  expect(narrowed(DAY, { t: [24 * HOUR - 60], lines: [[3]] })).toEqual([24 * HOUR - 600, 24 * HOUR])
  expect(narrowed(DAY, { t: [0, HOUR], lines: [[null, null]] })).toEqual(DAY)
  // What is shown is never more than what was asked for.
  expect(narrowed([0, 300], { t: [299], lines: [[1]] })).toEqual([0, 300])
})

test('the first point is that of any line', () => {
  expect(firstOf({ t: [1, 2, 3], lines: [[null, null, 1], [null, 0, null]] })).toBe(2)
  expect(firstOf({ t: [1], lines: [[null]] })).toBeUndefined()
})
