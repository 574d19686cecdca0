import { describe, expect, it } from 'vitest'
import { extent, joined, sentenceOf } from './points'

describe('joined', () => {
  it('leaves out points that nobody reported', () => {
    expect(joined([0, 10, 20, 30], [[1, null, 2, null]])).toEqual({ t: [0, 20], values: [[1, 2]] })
  })
  it('keeps a gap where nothing was heard for long', () => {
    const t = Array.from({ length: 12 }, (_, i) => i)
    const values = t.map((i) => (i < 4 || i > 9 ? i : null))
    const found = joined(t, [values])
    expect(found.t).toEqual([0, 1, 2, 3, 6.5, 10, 11])
    expect(found.values[0]?.[4]).toBeNull()
  })
  it('keeps a point when one of the lines has it', () => {
    expect(
      joined(
        [0, 1],
        [
          [1, null],
          [null, 2],
        ],
      ),
    ).toEqual({
      t: [0, 1],
      values: [
        [1, null],
        [null, 2],
      ],
    })
  })
})

describe('sentenceOf', () => {
  it('names the least, the most and the newest', () => {
    expect(extent([3, null, 1, 2])).toEqual({ least: 1, most: 3, newest: 2 })
    expect(sentenceOf([{ label: 'used', values: [3, 1, 2] }], String, 'Memory')).toBe('Memory. used: between 1 and 3, at last 2.')
    expect(sentenceOf([{ label: 'used', values: [null] }], String, 'Memory')).toBe('Memory. Nothing was reported.')
  })
})
