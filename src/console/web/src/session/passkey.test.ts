import { expect, test } from 'vitest'
import { knowsPasskeys, reason } from './passkey'

test('a browser without passkeys is told apart', () => {
  expect(knowsPasskeys()).toBe(false)
})

test('each refusal of a browser is said in its own words', () => {
  Object.assign(globalThis, { location: { host: '127.0.0.1:4000' } })
  const texts = ['NotAllowedError', 'InvalidStateError', 'SecurityError', 'Other'].map(reason)
  expect(new Set(texts).size).toBe(4)
  expect(texts[2]).toContain('127.0.0.1:4000')
})
