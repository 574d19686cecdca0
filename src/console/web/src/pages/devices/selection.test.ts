import { expect, test } from 'vitest'
import { EVERYTHING, NOTHING, countOf, devicesOf, isSelected, toggled } from './selection'

test('some are selected by name', () => {
  const two = toggled(toggled(NOTHING, 'a', true), 'b', true)
  expect([isSelected(two, 'a'), isSelected(two, 'c'), countOf(two, 100)]).toEqual([true, false, 2])
  expect(devicesOf(two, 'tags contains eu')).toEqual({ identifiers: ['a', 'b'] })
  expect(countOf(toggled(two, 'a', false), 100)).toBe(1)
})

test('all are selected but for those that are left out, and never again only those', () => {
  const most = toggled(EVERYTHING, 'a', false)
  expect([isSelected(most, 'a'), isSelected(most, 'b'), countOf(most, 100)]).toEqual([false, true, 99])
  expect(devicesOf(most, 'tags contains eu')).toEqual({ query: 'tags contains eu', except: ['a'] })
  expect(devicesOf(toggled(most, 'a', true), '')).toEqual({ query: '' })
})
