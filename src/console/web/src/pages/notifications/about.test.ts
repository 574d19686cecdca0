import { expect, it } from 'vitest'
import { aboutOf } from './about'

it('finds the device or the group that a notification is about', () => {
  const of = (event_key: string, message = '') => aboutOf({ event_key, message })
  expect(of('clock_wrong-sn-1')).toEqual({ kind: 'device', name: 'sn-1' })
  expect(of('identity_used_twice-a-b-c')).toEqual({ kind: 'device', name: 'a-b-c' })
  expect(of('rollout-stopped-13', 'Release 3 of deployment group eu prod stopped by itself: In step 1')).toEqual({ kind: 'group', name: 'eu prod' })
  expect(of('rollout-stopped-13', 'something else')).toBeNull()
  expect(of('duplicate_device_identifier-sn-1')).toBeNull()
})
