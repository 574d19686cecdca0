import { expect, test } from 'vitest'
import { ago, bytes, counted, duration, moment, percent } from './text'

test('a share is never rounded to all or nothing', () => {
  expect(percent(499_999, 500_000)).toBe('99.9 %')
  expect(percent(1, 500_000)).toBe('0.1 %')
  expect([percent(0, 10), percent(10, 10), percent(1, 3), percent(0, 0)]).toEqual(['0 %', '100 %', '33.3 %', '–'])
})

test('sizes and lengths of time have fitting units', () => {
  expect([bytes(0), bytes(999), bytes(1500), bytes(28_000_000), bytes(null)]).toEqual(['0 B', '999 B', '1.5 kB', '28.0 MB', '–'])
  expect([duration(45), duration(600), duration(7500), duration(400_000)]).toEqual(['45 s', '10 min', '2 h 5 min', '5 d'])
  expect([counted(1, 'device'), counted(2000, 'device')]).toEqual(['1 device', '2,000 devices'])
})

test('times of the API are UTC, with and without the letter that says so', () => {
  for (const text of ['2026-08-22T08:33:49Z', '2026-08-22T08:33:49', '2026-08-22 08:33:49', '2026-08-22T10:33:49+02:00']) {
    expect(moment(text).toISOString()).toBe('2026-08-22T08:33:49.000Z')
  }
})

test('a moment is told from now', () => {
  const now = Date.parse('2026-08-22T12:00:00Z')
  expect(ago(new Date(now - 3000), now)).toBe('now')
  expect(ago(new Date(now - 60_000), now)).toMatch(/60.*ago/)
  expect(ago(new Date(now + 2 * 3_600_000), now)).toMatch(/^in 2/)
})
