/** What part of the world a map shows, in Mercator's projection, and which cells of the server's grid stand well on it. */

/** The middle in degrees, and how often the width of the world was doubled; at 0 it is as wide as `WORLD` pixels. */
export type View = { lat: number; lon: number; zoom: number }
export type Size = { width: number; height: number }
export type Bounds = { west: number; south: number; east: number; north: number }

export const WORLD = 512
export const MOST_ZOOM = 19
/** Mercator's world is square: what is beyond is drawn at its edge. */
const MOST_LAT = 85.05
/** Cells of the grid around the equator at the server's zoom 0, its greatest zoom, and somewhat fewer cells than it answers. */
const [CELLS, GRID_ZOOM, MOST_CELLS] = [32, 16, 1_900]
/** Pixels of a cell at least, so that marks do not lie on each other. */
const CELL = 40

const radians = (degrees: number) => (degrees * Math.PI) / 180
const clamp = (least: number, value: number, most: number) => Math.max(least, Math.min(most, value))

const x = (lon: number) => (lon + 180) / 360
const y = (lat: number) => 0.5 - Math.log(Math.tan(Math.PI / 4 + radians(clamp(-MOST_LAT, lat, MOST_LAT)) / 2)) / (2 * Math.PI)
const lonOf = (x: number) => x * 360 - 180
const latOf = (y: number) => ((2 * Math.atan(Math.exp((0.5 - y) * 2 * Math.PI)) - Math.PI / 2) * 180) / Math.PI

/** The width of the whole world in pixels. */
export function worldWidth({ zoom }: View): number {
  return WORLD * 2 ** zoom
}

export function toScreen(view: View, { width, height }: Size, lat: number, lon: number): [number, number] {
  const w = worldWidth(view)
  return [width / 2 + (x(lon) - x(view.lon)) * w, height / 2 + (y(lat) - y(view.lat)) * w]
}

/** The view after it was dragged by so many pixels. */
export function moved(view: View, dx: number, dy: number): View {
  const w = worldWidth(view)
  return within({ ...view, lon: lonOf(x(view.lon) - dx / w), lat: latOf(y(view.lat) - dy / w) })
}

/** The view nearer or further, with the same place under a point of the screen. */
export function zoomed(view: View, by: number, size: Size, at: readonly [number, number] = [size.width / 2, size.height / 2]): View {
  const zoom = clamp(leastZoom(size), view.zoom + by, MOST_ZOOM)
  const factor = 1 / worldWidth(view) - 1 / worldWidth({ ...view, zoom })
  const [dx, dy] = [at[0] - size.width / 2, at[1] - size.height / 2]
  return within({ zoom, lon: lonOf(x(view.lon) + dx * factor), lat: latOf(y(view.lat) + dy * factor) })
}

/** At this zoom the whole world is on the screen. */
export function leastZoom({ width, height }: Size): number {
  return Math.min(0, Math.log2(Math.min(width, height) / WORLD))
}

function within(view: View): View {
  return { ...view, lon: clamp(-180, view.lon, 180), lat: clamp(-MOST_LAT, view.lat, MOST_LAT) }
}

export function boundsOf(view: View, { width, height }: Size): Bounds {
  const w = worldWidth(view)
  const [cx, cy] = [x(view.lon), y(view.lat)]
  const edge = (value: number) => clamp(0, value, 1)
  // What lies beyond Mercator's world is at its edge, and asked for as well.
  const [top, bottom] = [cy - height / 2 / w, cy + height / 2 / w]
  return {
    west: lonOf(edge(cx - width / 2 / w)),
    east: lonOf(edge(cx + width / 2 / w)),
    north: top <= 0 ? 90 : latOf(top),
    south: bottom >= 1 ? -90 : latOf(bottom),
  }
}

/** The view that shows all of some places. */
export function fitted(places: readonly { lat: number; lon: number }[], size: Size): View {
  const whole = { lat: 20, lon: 0, zoom: leastZoom(size) }
  if (places.length === 0) return whole
  const [xs, ys] = [places.map((p) => x(p.lon)), places.map((p) => y(p.lat))]
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const room = 120
  const scale = Math.min(Math.max(size.width - room, 100) / Math.max(right - left, 1e-9), Math.max(size.height - room, 100) / Math.max(bottom - top, 1e-9))
  const zoom = clamp(whole.zoom, Math.log2(scale / WORLD), 9)
  return { zoom, lon: lonOf((left + right) / 2), lat: latOf((top + bottom) / 2) }
}

/** The zoom of the server's grid whose cells are wide enough on the screen, and not more than it answers. */
export function gridZoom(view: View, bounds: Bounds): number {
  let zoom = clamp(0, Math.floor(Math.log2(worldWidth(view) / (CELLS * CELL))), GRID_ZOOM)
  const along = (degrees: number) => Math.ceil((degrees * CELLS * 2 ** zoom) / 360) + 1
  while (zoom > 0 && along(bounds.east - bounds.west) * along(bounds.north - bounds.south) > MOST_CELLS) zoom--
  return zoom
}

export type Place = { lat: number; lon: number; count: number; worst: string; identifier: string }

/** From the best to the worst. */
const HEALTH = ['healthy', 'unknown', 'warning', 'unhealthy']

/**
 * Puts places together where the coarsest cells of the server are too narrow for the screen, as with the whole world on a phone:
 * two by two, or four by four.
 */
export function merged(places: readonly Place[], view: View): Place[] {
  let cells = CELLS
  while (cells > 1 && worldWidth(view) / cells < CELL) cells /= 2
  if (cells === CELLS) return [...places]
  const step = 360 / cells
  const found = new Map<string, Place>()
  for (const place of places) {
    const cell = `${Math.floor((place.lon + 180) / step)} ${Math.floor((place.lat + 90) / step)}`
    const before = found.get(cell)
    found.set(cell, before ? together(before, place) : place)
  }
  return [...found.values()].sort((a, b) => b.count - a.count || a.identifier.localeCompare(b.identifier))
}

function together(a: Place, b: Place): Place {
  const count = a.count + b.count
  const middle = (of: 'lat' | 'lon') => (a[of] * a.count + b[of] * b.count) / count
  const worst = HEALTH.indexOf(a.worst) > HEALTH.indexOf(b.worst) ? a.worst : b.worst
  return { lat: middle('lat'), lon: middle('lon'), count, worst, identifier: a.identifier < b.identifier ? a.identifier : b.identifier }
}

/** Bounds as the API takes them. */
export function bbox({ west, south, east, north }: Bounds): string {
  return [west, south, east, north].map((n) => Number(n.toFixed(4))).join(',')
}

/** A view in an address: latitude, longitude and zoom. */
export function written({ lat, lon, zoom }: View): string {
  return `${lat.toFixed(4)},${lon.toFixed(4)},${zoom.toFixed(1)}`
}

export function read(text: string): View | null {
  const [lat, lon, zoom, ...rest] = text.split(',').map(Number)
  if (lat === undefined || lon === undefined || zoom === undefined || rest.length > 0 || ![lat, lon, zoom].every(Number.isFinite)) return null
  return within({ lat, lon, zoom: clamp(-3, zoom, MOST_ZOOM) })
}
