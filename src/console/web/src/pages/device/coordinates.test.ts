import { expect, test } from 'vitest'
import { pairOf } from './coordinates'

test('two numbers in one text are both coordinates', () => {
  expect(pairOf('52.52, 13.405')).toEqual(['52.52', '13.405'])
  expect(pairOf(' -33.5;151 ')).toEqual(['-33.5', '151'])
  expect(pairOf('1 2')).toEqual(['1', '2'])
})

test('a number that is still typed is none', () => {
  for (const text of ['', '5', '52.52', '52,', 'a, b', '1, 2, 3', '-']) expect(pairOf(text), text).toBeNull()
})
