import { expect, it } from 'vitest'
import { momentOf } from './audit-filters'

it('reads moments as the API wants them', () => {
  expect(momentOf(undefined)).toBeUndefined()
  expect(momentOf('')).toBeUndefined()
  expect(momentOf('yesterday')).toBeUndefined()
  expect(momentOf('2026-08-22T08:33:49.123Z')).toBe('2026-08-22T08:33:49Z')
  const day = Date.parse(momentOf('now-24h') ?? '')
  expect(Math.abs(Date.now() - 86_400_000 - day)).toBeLessThan(2_000)
})
