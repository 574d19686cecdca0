import { focusManager } from '@tanstack/react-query'
import { afterEach, expect, it, vi } from 'vitest'
import { freeze, frozenAt, onFreeze } from './freeze'

afterEach(() => freeze(false))

it('stops time at the moment, tells so once, and has nothing read again meanwhile', () => {
  let changes = 0
  const end = onFreeze(() => changes++)
  const before = Date.now()
  freeze(true)
  freeze(true)
  expect(changes).toBe(1)
  expect(frozenAt()).toBeGreaterThanOrEqual(before)
  expect(focusManager.isFocused()).toBe(false)
  freeze(false)
  expect([changes, frozenAt(), focusManager.isFocused()]).toEqual([2, null, true])
  end()
})

it('has everything read again when time goes on', () => {
  const focused = vi.fn()
  const end = focusManager.subscribe(focused)
  freeze(true)
  freeze(false)
  expect(focused.mock.calls).toEqual([[false], [true]])
  end()
})
