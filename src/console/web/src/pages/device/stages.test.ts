import { describe, expect, it } from 'vitest'
import type { Attempt } from '../../api/types'
import { progressOf, seenOf } from './stages'

const at = '2026-11-24T10:00:00Z'
const start = Date.parse(at)
const firmware = (version: string) => ({ uuid: version, version })
const attempt = (more: Partial<Attempt>): Attempt =>
  ({
    at,
    bytes: 1,
    kind: 'full',
    stage: 'offered',
    ended_at: null,
    outcome: null,
    from: firmware('1.0.0'),
    to: firmware('1.1.0'),
    ...more,
  }) as Attempt

/** Where an attempt stands that a page saw first at `first`, by its own clock. */
const progress = (one: Attempt, live: Parameters<typeof progressOf>[2], now: number, first = start) =>
  progressOf(one, seenOf(null, one, first), live, now)

describe('progressOf', () => {
  it('waits for an answer at first', () => {
    expect(progress(attempt({}), undefined, start)).toMatchObject({ step: -1, ended: null })
  })
  it('takes the further of what the attempt and the event stream say', () => {
    const told = { stage: 'downloading', percent: 42, at: start + 5 }
    expect(progress(attempt({ stage: 'received' }), told, start + 9)).toMatchObject({ step: 1, percent: 42 })
    expect(progress(attempt({ stage: 'completed' }), told, start + 9)).toMatchObject({ step: 3, percent: null })
  })
  it('does not take what was told of the attempt before', () => {
    expect(progress(attempt({}), { stage: 'installed', percent: null, at: start - 5 }, start)).toMatchObject({ step: -1 })
  })
  it.each([-3_600_000, -7_000, 7_000, 3_600_000])('does not mind a browser whose clock is %i ms off', (off) => {
    const told = { stage: 'updating', percent: 7, at: start + off + 5 }
    expect(progress(attempt({}), told, start + off + 9, start + off)).toMatchObject({ step: 2, percent: 7 })
    const before = { stage: 'installed', percent: null, at: start + off - 5 }
    expect(progress(attempt({}), before, start + off, start + off)).toMatchObject({ step: -1 })
  })
  it('shows a finished one for a while', () => {
    const done = attempt({ ended_at: at, outcome: 'installed', validated_at: at })
    expect(progress(done, undefined, start + 60_000)).toMatchObject({ ended: 'done' })
    expect(progress(done, undefined, start + 200_000)).toBeNull()
    expect(progress({ ...done, validated_at: null }, undefined, start)).toMatchObject({ ended: 'unvalidated' })
  })
  it('says why one failed', () => {
    const failed = attempt({ ended_at: at, outcome: 'failed', stage: 'updating', reason: 'checksum mismatch' })
    expect(progress(failed, undefined, start)).toMatchObject({
      step: 2,
      ended: 'failed',
      sentence: '1.1.0 was not installed, failed: checksum mismatch',
    })
  })
})

describe('seenOf', () => {
  const ended = attempt({ ended_at: '2026-11-24T10:01:00Z', outcome: 'installed' })
  it('remembers when an attempt was first seen and when it was seen to end', () => {
    const first = seenOf(null, attempt({}), 100)
    expect(first).toMatchObject({ first: 100, ended: null })
    const over = seenOf(seenOf(first, attempt({}), 200), ended, 300)
    expect(over).toMatchObject({ first: 100, ended: 300 })
    expect(seenOf(over, ended, 400)).toEqual(over)
  })
  it('begins anew with another attempt', () => {
    expect(seenOf(seenOf(null, ended, 100), attempt({ at: '2026-11-24T11:00:00Z' }), 500)).toMatchObject({ first: 500, ended: null })
  })
  it('takes one that was over for older than the page', () => {
    const end = start + 60_000
    expect(seenOf(null, ended, end + 9).ended).toBe(end)
    expect(seenOf(null, ended, end - 3_600_000).ended).toBe(end - 3_600_000)
  })
})
