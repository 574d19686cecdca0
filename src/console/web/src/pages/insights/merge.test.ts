import { expect, it } from 'vitest'
import { merged } from './merge'

it('puts failures of several groups together, most devices first', () => {
  const of = (value: string, count: number, devices: string[], first: string, last: string) => ({ value, count, devices, first, last })
  const day = (n: number) => `2026-01-0${n}T00:00:00Z`
  const rows = merged([
    { group: 'eu', failures: [of('checksum', 2, ['a', 'b'], day(2), day(3)), of('', 3, ['c'], day(1), day(1))] },
    { group: 'us', failures: [of('checksum', 9, ['d', 'e', 'f', 'g'], day(1), day(2))] },
  ])
  expect(rows).toEqual([
    { value: 'checksum', count: 11, devices: ['a', 'b', 'd', 'e', 'f'], groups: ['eu', 'us'], first: day(1), last: day(3) },
    { value: '', count: 3, devices: ['c'], groups: ['eu'], first: day(1), last: day(1) },
  ])
})
