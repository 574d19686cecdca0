import { expect, it } from 'vitest'
import type { Device } from '../../api/types'
import { difference, sectionsOf, type Known } from './facts'
import { idsOf, namesIn } from './names'

function known(changed: Partial<Device>, metrics: Record<string, unknown> = {}): Known {
  const device = { identifier: 'a', connection_status: 'connected', updates_enabled: true, updates_blocked_until: null, firmware_metadata: null, tags: null, ...changed } as Device
  const health = { status: 'healthy', report: { metrics }, status_reasons: {}, reported_at: '2026-11-27T10:00:00Z' }
  return { device, health }
}
const facts = (all: Known[]) => sectionsOf(all, 0).flatMap((s) => s.facts)

it('says which facts differ, and which device is unlike most', () => {
  const all = [known({ tags: ['eu', 'prod'] }), known({ tags: ['prod', 'eu'] }), known({ tags: null, updates_enabled: false })]
  const found = new Map(facts(all).map((f) => [f.name, f]))
  expect(found.get('Tags')).toEqual({ name: 'Tags', values: ['eu, prod', 'eu, prod', null], differs: true, odd: [false, false, true] })
  expect(found.get('Updates')?.values).toEqual(['automatic', 'automatic', 'off'])
  expect(found.get('Now')?.differs).toBe(false)
  // What no device has is no fact.
  expect(found.has('Description')).toBe(false)
})

it('marks nobody as unlike most where there is no most', () => {
  expect(difference(['a', 'b'])).toEqual({ differs: true, odd: [false, false] })
  expect(difference(['a', 'a', 'b', 'b'])).toEqual({ differs: true, odd: [false, false, false, false] })
})

it('lets metrics of one size pass for the same, and not those that are far apart or missing', () => {
  const found = (a: Record<string, unknown>, b: Record<string, unknown>) => facts([known({}, a), known({}, b)]).find((f) => f.name === 'Temperature')
  expect(found({ cpu_temp: 41 }, { cpu_temp: 43 })?.differs).toBe(false)
  expect(found({ cpu_temp: 41 }, { cpu_temp: 71 })?.differs).toBe(true)
  expect(found({ cpu_temp: 41 }, {})?.differs).toBe(true)
})

it('writes names into an address and reads them back', () => {
  const names = ['sn-1', 'odd, 100%', 'x%2Cy']
  expect(namesIn(idsOf(names))).toEqual(names)
  expect(namesIn('a,a,,b')).toEqual(['a', 'b'])
})
