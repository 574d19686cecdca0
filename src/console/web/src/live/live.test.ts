import { beforeEach, expect, test, vi } from 'vitest'

beforeEach(() => {
  vi.stubGlobal('location', { origin: 'https://hub.example' })
  vi.stubGlobal('window', globalThis)
  vi.resetModules()
})

async function product() {
  const frames: (() => void)[] = []
  vi.stubGlobal('requestAnimationFrame', (draw: () => void) => frames.push(draw))
  const { LiveProduct } = await import('./live')
  return { live: new LiveProduct('home', 'p'), frames }
}

test('a burst of events is drawn once, and each device has its newest facts', async () => {
  const { live, frames } = await product()
  let drawn = 0
  live.subscribe(() => drawn++)
  live.take({ kind: 'online', body: { device: 'a' }, at: 1 })
  live.take({ kind: 'firmware_update', body: { device: 'a', stage: 'downloading', percent: 40 }, at: 2 })
  live.take({ kind: 'firmware_update', body: { device: 'a', stage: 'updating', percent: null }, at: 3 })
  live.take({ kind: 'health', body: { device: 'b', status: 'warning' }, at: 4 })
  expect([frames.length, drawn]).toEqual([1, 0])
  frames[0]?.()
  expect(drawn).toBe(1)
  expect(live.devices.get('a')).toEqual({ online: true, stage: 'updating', percent: null, at: 3 })
  expect(live.devices.get('b')).toEqual({ health: 'warning', at: 4 })
  expect(live.heard).toBe(4)
})

test('what is remembered is bounded, and who was heard of the longest ago is forgotten first', async () => {
  const { live } = await product()
  for (let n = 0; n < 20_000; n++) live.take({ kind: 'online', body: { device: `d${n}` }, at: n })
  live.take({ kind: 'offline', body: { device: 'd0' }, at: 20_000 })
  live.take({ kind: 'online', body: { device: 'new' }, at: 20_001 })
  expect(live.devices.size).toBe(20_000)
  expect([live.devices.has('d0'), live.devices.has('d1'), live.devices.has('new')]).toEqual([true, false, true])
})

test('an event without a device, or with a body that is nothing, changes nothing', async () => {
  const { live } = await product()
  live.take({ kind: 'online', body: {}, at: 1 })
  expect(live.devices.size).toBe(0)
  live.take({ kind: 'down', body: null, at: 2 })
  expect(live.connected).toBe(false)
})

test('after a pause nothing that was told before it is shown any more', async () => {
  const { live } = await product()
  live.take({ kind: 'open', body: null, at: 1 })
  live.take({ kind: 'online', body: { device: 'a' }, at: 2 })
  live.take({ kind: 'open', body: null, at: 3 })
  expect(live.devices.size).toBe(1)
  live.take({ kind: 'down', body: null, at: 4 })
  expect(live.devices.size).toBe(1)
  live.take({ kind: 'open', body: null, at: 5 })
  expect(live.devices.size).toBe(0)
  live.take({ kind: 'online', body: { device: 'a' }, at: 6 })
  live.take({ kind: 'lost', body: { count: 9 }, at: 7 })
  expect(live.devices.size).toBe(0)
})

test('a stream that the browser opened again keeps what was told; a summary is kept where pages read it', async () => {
  const { live } = await product()
  const { queries } = await import('../session/session')
  live.take({ kind: 'open', body: { fresh: true }, at: 1 })
  live.take({ kind: 'online', body: { device: 'a' }, at: 2 })
  live.take({ kind: 'down', body: null, at: 3 })
  live.take({ kind: 'open', body: { fresh: false }, at: 4 })
  expect([live.devices.size, live.connected]).toEqual([1, true])
  live.take({ kind: 'summary', body: { devices: 7 }, at: 5 })
  expect(queries.getQueryData(['summary', 'home', 'p'])).toEqual({ devices: 7 })
  expect(live.devices.size).toBe(1)
})
