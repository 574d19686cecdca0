import { expect, it } from 'vitest'
import { askedOf, isFiltered, localOf, momentOf } from './asked'

it('reads moments as the API wants them', () => {
  expect(momentOf(undefined)).toBeUndefined()
  expect(momentOf('')).toBeUndefined()
  expect(momentOf('yesterday')).toBeUndefined()
  expect(momentOf('2026-08-22T08:33:49.123Z')).toBe('2026-08-22T08:33:49Z')
  const day = Date.parse(momentOf('now-24h') ?? '')
  expect(Math.abs(Date.now() - 86_400_000 - day)).toBeLessThan(2_000)
})

it('shows a moment in the time of the viewer', () => {
  const moment = '2026-08-22T08:33:00Z'
  expect(new Date(localOf(moment)).toISOString()).toBe('2026-08-22T08:33:00.000Z')
  expect(localOf(undefined)).toBe('')
})

it('asks for what the address says', () => {
  expect(askedOf({ q: 'a', since: 'no time' })).toEqual({ search: 'a', actor: undefined, since: undefined, until: undefined })
  expect([isFiltered({ page: '2' }), isFiltered({ actor: 'x' })]).toEqual([false, true])
})
