import { describe, expect, it } from 'vitest'
import type { Attempt } from '../../api/types'
import { progressOf } from './stages'

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

describe('progressOf', () => {
  it('waits for an answer at first', () => {
    expect(progressOf(attempt({}), undefined, start)).toMatchObject({ step: -1, ended: null })
  })
  it('takes the further of what the attempt and the event stream say', () => {
    const told = { stage: 'downloading', percent: 42, at: start + 5 }
    expect(progressOf(attempt({ stage: 'received' }), told, start + 9)).toMatchObject({ step: 1, percent: 42 })
    expect(progressOf(attempt({ stage: 'completed' }), told, start + 9)).toMatchObject({ step: 3, percent: null })
  })
  it('does not take what was told of the attempt before', () => {
    expect(progressOf(attempt({}), { stage: 'installed', percent: null, at: start - 5 }, start)).toMatchObject({ step: -1 })
  })
  it('shows a finished one for a while', () => {
    const done = attempt({ ended_at: at, outcome: 'installed', validated_at: at })
    expect(progressOf(done, undefined, start + 60_000)).toMatchObject({ ended: 'done' })
    expect(progressOf(done, undefined, start + 200_000)).toBeNull()
    expect(progressOf({ ...done, validated_at: null }, undefined, start)).toMatchObject({ ended: 'unvalidated' })
  })
  it('says why one failed', () => {
    const failed = attempt({ ended_at: at, outcome: 'failed', stage: 'updating', reason: 'checksum mismatch' })
    expect(progressOf(failed, undefined, start)).toMatchObject({
      step: 2,
      ended: 'failed',
      sentence: '1.1.0 was not installed, failed: checksum mismatch',
    })
  })
})
