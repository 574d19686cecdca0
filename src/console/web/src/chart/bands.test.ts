import { expect, it } from 'vitest'
import { bandsOf, reportedIn } from './bands'

const T = [0, 10, 20, 30, 40, 50]

it('an alarm lasts until the report that is without it, and to the end of the last point that has it', () => {
  const reported = [true, true, false, true, false, true]
  expect(bandsOf('Leak', T, [0, 2, 0, 0, 0, 1], reported)).toEqual([
    { label: 'Leak', from: 10, to: 30 },
    { label: 'Leak', from: 50, to: 60 },
  ])
})

it('a point without a report ends nothing', () => {
  expect(bandsOf('Leak', T, [1, 0, 0, 1, 0, 0], [true, false, false, true, false, false])).toEqual([{ label: 'Leak', from: 0, to: 40 }])
  expect(bandsOf('Leak', T, [0, 0, 0, 0, 0, 0], T.map(() => true))).toEqual([])
})

it('a report is where anything of it is', () => {
  expect(reportedIn([0, 10, 20], [[1, null, null]], [[0, 0, 3]])).toEqual([true, false, true])
})
