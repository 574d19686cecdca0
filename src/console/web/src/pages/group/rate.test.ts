import { expect, it } from 'vitest'
import { type Sample, rateAt, withSample } from './rate'

const at = (minutes: number, updated: number, release = 1): Sample => ({ release, at: minutes * 60_000, updated })
const seen = (...samples: Sample[]) => samples.reduce<Sample[]>((all, s) => withSample(all, s), [])
const minute = (n: number) => n * 60_000

it('goes down while nothing happens, and ends after five minutes', () => {
  const samples = seen(at(0, 10), at(1, 20))
  expect(rateAt(samples, minute(1))).toBe(10)
  expect(rateAt(samples, minute(2))).toBe(5)
  expect(rateAt(samples, minute(5))).toBe(2)
  expect(rateAt(samples, minute(6))).toBeNull()
})

it('counts the last five minutes only', () => {
  const samples = seen(at(0, 0), at(1, 100), at(7, 105), at(8, 110))
  expect(samples.map((s) => s.updated)).toEqual([100, 105, 110])
  expect(rateAt(samples, minute(8))).toBe(2)
})

it('says nothing of one look, of a moment, and of another release', () => {
  expect(rateAt([], 0)).toBeNull()
  expect(rateAt(seen(at(0, 10)), minute(3))).toBeNull()
  expect(rateAt(seen(at(0, 10), at(0.05, 11)), 3_000)).toBeNull()
  expect(seen(at(0, 10), at(1, 2, 2))).toEqual([at(1, 2, 2)])
})
