import { describe, expect, it } from 'vitest'
import { MOST, Transfers, refusal, type Transfer } from './files'

describe('refusal', () => {
  it('lets names and sizes through that the server lets through', () => {
    expect(refusal('log.txt', 5)).toBeNull()
    expect(refusal('überwachung.csv', MOST - 1)).toBeNull()
  })
  it.each(['', '.', '..', 'a/b', 'a\\b', 'a\nb', 'ü'.repeat(128)])('refuses the name %j', (name) => {
    expect(refusal(name, 5)).not.toBeNull()
  })
  it('refuses what is too large', () => expect(refusal('a', MOST)).not.toBeNull())
})

describe('files that the device sends', () => {
  const made = () => {
    let all: readonly Transfer[] = []
    const transfers = new Transfers(
      () => undefined,
      (now) => (all = now),
    )
    return { transfers, last: () => all.at(-1) }
  }
  it('are put together from chunks', () => {
    const { transfers, last } = made()
    transfers.take('file-data/start', { filename: 'a' })
    transfers.take('file-data', { filename: 'a', chunk: 0, data: btoa('hello ') })
    transfers.take('file-data', { filename: 'a', chunk: 1, data: btoa('there') })
    expect(last()).toMatchObject({ state: 'running', done: 11 })
    transfers.take('file-data/stop', { filename: 'a' })
    expect(last()).toMatchObject({ state: 'done', size: 11 })
    expect(last()?.url).toMatch(/^blob:/)
  })
  it('fail with the reason of the server, or when the device goes', () => {
    const { transfers, last } = made()
    transfers.take('file-data/error', { filename: 'a', reason: 'no' })
    expect(last()).toMatchObject({ state: 'failed', reason: 'no' })
    transfers.take('file-data/start', { filename: 'b' })
    transfers.interrupted('gone')
    expect(last()).toMatchObject({ name: 'b', state: 'failed', reason: 'gone' })
  })
  it('leave other events alone', () => expect(made().transfers.take('up', { data: 'x' })).toBe(false))
})
