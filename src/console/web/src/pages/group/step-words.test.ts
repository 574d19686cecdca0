import { expect, test } from 'vitest'
import type { Step } from './group-api'
import { failedSince, laterText, stepLimits, stepName, stepSentence } from './step-words'
import { whoOf } from './workflow'

const STEP: Step = {
  name: 'Canary',
  type: 'devices',
  state: 'current',
  since: null,
  limit: 20,
  touched: 15,
  in_flight: 0,
  installed: 11,
  validated: 11,
  failed: 1,
  tolerated_failures: 1,
  approvals: 0,
  approvals_needed: null,
}

test('the only step of a release is for everyone, not for everyone else', () => {
  expect([stepName('Everyone else', 1), stepName('Everyone else', 3), stepName('Canary', 1)]).toEqual(['Everyone', 'Everyone else', 'Canary'])
  expect([whoOf({}, 1), whoOf({}, 2)]).toEqual(['Every device', 'Every device that is left'])
  const sentence = 'Step Everyone else updates each device as it connects.'
  expect(stepSentence(sentence, 1)).toBe('Step Everyone updates each device as it connects.')
  expect(stepSentence(sentence, 2)).toBe(sentence)
  expect(stepSentence('In step Everyone else 2 of 20 devices failed', 1)).toBe('In step Everyone 2 of 20 devices failed')
})

test('a limit that was exceeded does not stand among those that are kept', () => {
  const kept = ['15 of at most 20 devices', '1 failed, 1 tolerated']
  expect(stepLimits(STEP, undefined)).toEqual({ over: [], keeps: kept })
  expect(stepLimits({ ...STEP, failed: 4 }, undefined)).toEqual({ over: ['4 failed, 1 tolerated'], keeps: kept.slice(0, 1) })
  const rule = { failure_tolerance: { devices: 1 }, concurrent_updates: 4, gate: { validated_percent: 95 } }
  expect(stepLimits({ ...STEP, failed: 4 }, rule).keeps).toEqual([
    '15 of at most 20 devices',
    '4 at once',
    '95 % of its devices marked the firmware as good: 11 of 15',
  ])
  expect(stepLimits({ ...STEP, state: 'ahead', failed: 0, tolerated_failures: 0 }, undefined)).toEqual({
    over: [],
    keeps: ['at most 20 devices', 'stops when one fails'],
  })
})

test('failures after the stop are told apart from those that it stopped for', () => {
  const reason = 'It stopped by itself: In step Canary 2 of 15 devices failed; 1 is tolerated.'
  expect(failedSince(reason, 4)).toBe(4)
  expect(failedSince(reason, 2)).toBeNull()
  expect(failedSince('It stopped by itself: Its devices are worse off.', 4)).toBeNull()
})

test('devices that are not ready are told beside the time', () => {
  const later = (devices: number, ready: number, type = 'devices') => laterText({ type, devices, ready })
  expect([later(50, 20), later(50, 0), later(1, 0)]).toEqual(['30 of 50 later', 'all 50 later', 'later'])
  expect([later(50, 50), later(0, 0), later(0, 0, 'approval_required')]).toEqual(['', '', ''])
})
