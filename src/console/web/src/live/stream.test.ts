import { beforeEach, expect, test, vi } from 'vitest'
import { listen, type Told } from './stream'

class Source {
  static readonly CLOSED = 2
  static all: Source[] = []
  readyState = 0
  onopen: (() => void) | null = null
  onerror: (() => void) | null = null
  readonly listeners = new Map<string, (event: { data: string }) => void>()
  closed = false
  constructor(readonly url: string) {
    Source.all.push(this)
  }
  addEventListener(kind: string, told: (event: { data: string }) => void) {
    this.listeners.set(kind, told)
  }
  close() {
    this.closed = true
  }
}

/** Tabs of one browser hear each other. */
class Channel {
  static all = new Set<Channel>()
  onmessage: ((event: { data: unknown }) => void) | null = null
  constructor(readonly name: string) {
    Channel.all.add(this)
  }
  postMessage(data: unknown) {
    for (const other of Channel.all) if (other !== this && other.name === this.name) other.onmessage?.({ data })
  }
  close() {
    Channel.all.delete(this)
  }
}

const holders: (() => Promise<void>)[] = []
const locks = {
  request: (_: string, __: unknown, held: () => Promise<void>) => {
    holders.push(held)
    if (holders.length === 1) void held()
    return new Promise<void>(() => undefined)
  },
}

beforeEach(() => {
  Source.all = []
  Channel.all.clear()
  holders.length = 0
  vi.useFakeTimers()
  vi.stubGlobal('window', globalThis)
  vi.stubGlobal('EventSource', Source)
  vi.stubGlobal('BroadcastChannel', Channel)
  vi.stubGlobal('navigator', { locks })
})

test('two tabs share one stream, and the second learns how it is', () => {
  const [first, second]: [Told[], Told[]] = [[], []]
  listen('/events', ['online'], (e) => first.push(e))
  Source.all[0]?.onopen?.()
  listen('/events', ['online'], (e) => second.push(e))
  expect(Source.all.length).toBe(1)
  expect(second.map((e) => e.kind)).toEqual(['open'])
  Source.all[0]?.listeners.get('online')?.({ data: '{"device":"a"}' })
  expect([first.at(-1)?.body, second.at(-1)?.body]).toEqual([{ device: 'a' }, { device: 'a' }])
})

test('a stream that was refused is opened again, with growing pauses', () => {
  const end = listen('/events', [], () => undefined)
  for (const pause of [1000, 2000, 4000]) {
    const source = Source.all.at(-1)
    if (source) source.readyState = Source.CLOSED
    source?.onerror?.()
    const before = Source.all.length
    vi.advanceTimersByTime(pause - 1)
    expect(Source.all.length).toBe(before)
    vi.advanceTimersByTime(1)
    expect(Source.all.length).toBe(before + 1)
  }
  end()
  expect(Source.all.at(-1)?.closed).toBe(true)
})

test('a stream that only broke is left to the browser', () => {
  listen('/events', [], () => undefined)
  Source.all[0]?.onerror?.()
  vi.advanceTimersByTime(60_000)
  expect(Source.all.length).toBe(1)
})
