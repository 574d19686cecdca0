import { expect, it } from 'vitest'
import { bbox, boundsOf, fitted, gridZoom, leastZoom, merged, moved, read, toScreen, written, zoomed } from './view'

const SIZE = { width: 1000, height: 600 }
const BERLIN = { lat: 52.5, lon: 13.4, zoom: 4 }

it('the middle of a view is in the middle of the screen, and dragging takes the world along', () => {
  expect(toScreen(BERLIN, SIZE, 52.5, 13.4)).toEqual([500, 300])
  const after = moved(BERLIN, 80, -30)
  const [left, top] = toScreen(after, SIZE, 52.5, 13.4)
  expect([left, top].map(Math.round)).toEqual([580, 270])
})

it('zooming keeps the place under the pointer', () => {
  const before = toScreen(BERLIN, SIZE, 48.1, 11.6)
  const after = toScreen(zoomed(BERLIN, 2, SIZE, before), SIZE, 48.1, 11.6)
  expect(after.map(Math.round)).toEqual(before.map(Math.round))
  expect(zoomed(BERLIN, -20, SIZE).zoom).toBe(leastZoom(SIZE))
})

it('the bounds are those of the screen, and at the whole world all of it', () => {
  const bounds = boundsOf(BERLIN, SIZE)
  expect(toScreen(BERLIN, SIZE, bounds.north, bounds.west).map((n) => Math.abs(Math.round(n)))).toEqual([0, 0])
  expect(boundsOf({ lat: 0, lon: 0, zoom: leastZoom(SIZE) }, SIZE)).toEqual({ west: -180, south: -90, east: 180, north: 90 })
  expect(bbox(bounds).split(',').length).toBe(4)
})

it('shows all of some places, and does not go too near to a single one', () => {
  const places = [
    { lat: 52.5, lon: 13.4 },
    { lat: 48.1, lon: 11.6 },
    { lat: 90, lon: 10 },
  ]
  const view = fitted(places, SIZE)
  for (const { lat, lon } of places) {
    const [left, top] = toScreen(view, SIZE, lat, lon)
    expect(left >= 0 && left <= 1000 && top >= 0 && top <= 600, `${lat} ${lon}`).toBe(true)
  }
  expect(fitted(places.slice(0, 1), SIZE).zoom).toBe(9)
  expect(fitted([], SIZE).zoom).toBe(leastZoom(SIZE))
})

it('the grid has cells that are wide enough, and never more than an answer holds', () => {
  for (const width of [390, 1000, 2560]) {
    for (let zoom = 0; zoom < 20; zoom += 0.5) {
      const view = { lat: 60, lon: 0, zoom }
      const size = { width, height: 1400 }
      const bounds = boundsOf(view, size)
      const grid = gridZoom(view, bounds)
      const along = (degrees: number) => Math.ceil((degrees * 32 * 2 ** grid) / 360) + 1
      expect(grid === 0 || along(bounds.east - bounds.west) * along(bounds.north - bounds.south) <= 2000).toBe(true)
    }
  }
})

it('writes a view into an address and reads it back', () => {
  expect(read(written(BERLIN))).toEqual(BERLIN)
  expect(['', 'a,b,c', '1,2', '1,2,3,4', '1,2,'].map(read)).toEqual([null, null, null, null, { lat: 1, lon: 2, zoom: 0 }])
})

it('puts places together where the cells of the server are too narrow for the screen', () => {
  const place = (lat: number, lon: number, count: number, worst: string, identifier: string) => ({ lat, lon, count, worst, identifier })
  const places = [place(50, 10, 3, 'healthy', 'b'), place(54, 14, 1, 'unhealthy', 'a'), place(-40, 100, 2, 'warning', 'c')]
  expect(merged(places, { lat: 0, lon: 0, zoom: 2 })).toEqual(places)
  expect(merged(places, { lat: 0, lon: 0, zoom: -0.5 })).toEqual([place(51, 11, 4, 'unhealthy', 'a'), place(-40, 100, 2, 'warning', 'c')])
})
