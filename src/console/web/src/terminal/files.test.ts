import { beforeEach, describe, expect, it, vi } from 'vitest'
import { HELD, KEPT, MOST, Transfers, refusal, type Transfer } from './files'

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
  let frames: (() => void)[] = []
  beforeEach(() => {
    frames = []
    vi.stubGlobal('requestAnimationFrame', (draw: () => void) => frames.push(draw))
  })
  const made = () => {
    let all: readonly Transfer[] = []
    const transfers = new Transfers(
      () => undefined,
      (now) => (all = now),
    )
    const drawn = () => {
      for (const draw of frames.splice(0)) draw()
      return all
    }
    return { transfers, drawn, last: () => drawn().at(-1) }
  }
  const whole = (transfers: Transfers, filename: string, data: string, times = 1) => {
    transfers.take('file-data/start', { filename })
    for (let n = 0; n < times; n++) transfers.take('file-data', { filename, data })
    transfers.take('file-data/stop', { filename })
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
  it('hold what came, in whatever pieces', async () => {
    const kept: Blob[] = []
    const create = vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => 'blob:' + kept.push(blob as Blob))
    const { transfers } = made()
    const pieces = ['', 'a', 'b'.repeat(5000), 'c', 'd'.repeat(20_000), '']
    transfers.take('file-data/start', { filename: 'a' })
    for (const piece of pieces) transfers.take('file-data', { filename: 'a', data: btoa(piece) })
    transfers.take('file-data/stop', { filename: 'a' })
    expect(await kept[0]?.text()).toBe(pieces.join(''))
    create.mockRestore()
  })
  it('fail with the reason of the server, or when the device goes', () => {
    const { transfers, last } = made()
    transfers.take('file-data/error', { filename: 'a', reason: 'no' })
    expect(last()).toMatchObject({ state: 'failed', reason: 'no' })
    transfers.take('file-data/start', { filename: 'b' })
    transfers.interrupted('gone')
    expect(last()).toMatchObject({ name: 'b', state: 'failed', reason: 'gone' })
  })
  it('are drawn once a frame', () => {
    const { transfers, last } = made()
    whole(transfers, 'a', btoa('x'), 50)
    expect(frames).toHaveLength(1)
    expect(last()).toMatchObject({ done: 50, state: 'done' })
  })
  it('are kept up to a number, and the oldest is let go', () => {
    const letGo = vi.spyOn(URL, 'revokeObjectURL')
    const { transfers, drawn } = made()
    for (let n = 0; n < KEPT + 5; n++) whole(transfers, `f${n}`, btoa('x'))
    expect(drawn().map((t) => t.name)).toEqual(Array.from({ length: KEPT }, (_, n) => `f${n + 5}`))
    expect(letGo).toHaveBeenCalledTimes(5)
    for (let n = 0; n < 100; n++) transfers.take('file-data/start', { filename: `begun${n}` })
    for (let n = 0; n < 100; n++) transfers.take('file-data/error', { filename: `no${n}`, reason: 'no' })
    expect(drawn()).toHaveLength(KEPT)
    letGo.mockRestore()
  })
  it('are kept up to a number of bytes', () => {
    const { transfers, drawn } = made()
    const mebibyte = btoa('x'.repeat(1024 * 1024))
    for (let n = 0; n < 11; n++) whole(transfers, `f${n}`, mebibyte, 9)
    const left = drawn()
    expect(left.reduce((sum, t) => sum + t.done, 0)).toBeLessThanOrEqual(HELD)
    expect([left[0]?.name, left.length]).toEqual(['f1', 10])
  })
  it('begin anew under the same name', () => {
    const { transfers, drawn } = made()
    transfers.take('file-data/start', { filename: 'a' })
    whole(transfers, 'a', btoa('new'))
    expect(drawn().map((t) => [t.state, t.done])).toEqual([
      ['failed', 0],
      ['done', 3],
    ])
  })
  it('leave other events alone', () => expect(made().transfers.take('up', { data: 'x' })).toBe(false))
})
