import { expect, it } from 'vitest'
import { arrived } from './use-typed'

it('tells what was asked for here from what came by another way', () => {
  // The address catches up with the first of two texts, then with the second.
  expect(arrived(['', 'a', 'ab'], 'a')).toEqual({ left: ['a', 'ab'], foreign: false })
  expect(arrived(['a', 'ab'], 'ab')).toEqual({ left: ['ab'], foreign: false })
  // The first was overtaken and never arrives.
  expect(arrived(['', 'a', 'ab'], 'ab')).toEqual({ left: ['ab'], foreign: false })
  // The back button goes to a text from before.
  expect(arrived(['ab'], '')).toEqual({ left: [''], foreign: true })
})
