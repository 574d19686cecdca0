/** Draws the world and the places of devices on a canvas. */
import { geoMercator, geoPath } from 'd3-geo'
import { feature, mesh } from 'topojson-client'
import type { Topology } from 'topojson-specification'
import atlas from 'world-atlas/countries-110m.json'
import { colourOf } from '../chart/colours'
import { type Place, type Size, type View, toScreen, worldWidth } from './view'

const world = atlas as unknown as Topology
const countries = world.objects.countries
const land = countries && feature(world, countries)
const borders = countries && mesh(world, countries as never, (a, b) => a !== b)

const integers = new Intl.NumberFormat('en', { notation: 'compact' })

/** The radius of a mark in pixels: more devices, a larger one. */
export function radiusOf({ count }: Place): number {
  return count === 1 ? 6 : Math.min(22, 9 + Math.log10(count) * 4)
}

/** The token of the colour for the worst health in a place; its shape says it too. */
const TOKENS: Record<string, string> = { healthy: '--ok', warning: '--warn', unhealthy: '--bad', unknown: '--off' }

export function draw(canvas: HTMLCanvasElement, view: View, size: Size, places: readonly Place[], marked: Place | null): void {
  const ctx = canvas.getContext('2d')
  if (!ctx) return
  const ratio = devicePixelRatio
  if (canvas.width !== Math.round(size.width * ratio) || canvas.height !== Math.round(size.height * ratio)) {
    canvas.width = Math.round(size.width * ratio)
    canvas.height = Math.round(size.height * ratio)
  }
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0)
  ctx.clearRect(0, 0, size.width, size.height)
  drawWorld(ctx, canvas, view, size)
  // The largest first, so that none hides a smaller one.
  for (const place of places) drawPlace(ctx, canvas, view, size, place, place === marked)
}

function drawWorld(ctx: CanvasRenderingContext2D, canvas: HTMLElement, view: View, size: Size): void {
  const projection = geoMercator()
    .scale(worldWidth(view) / (2 * Math.PI))
    .center([view.lon, view.lat])
    .translate([size.width / 2, size.height / 2])
    .clipExtent([
      [-10, -10],
      [size.width + 10, size.height + 10],
    ])
  const path = geoPath(projection, ctx)
  if (!land || !borders) return
  ctx.beginPath()
  path(land)
  ctx.fillStyle = colourOf(canvas, '--fill-off')
  ctx.fill()
  ctx.beginPath()
  path(borders)
  ctx.strokeStyle = colourOf(canvas, '--bg')
  ctx.lineWidth = 0.8
  ctx.stroke()
}

function drawPlace(ctx: CanvasRenderingContext2D, canvas: HTMLElement, view: View, size: Size, place: Place, marked: boolean): void {
  const [x, y] = toScreen(view, size, place.lat, place.lon)
  const r = radiusOf(place)
  if (x < -r || y < -r || x > size.width + r || y > size.height + r) return
  ctx.beginPath()
  outline(ctx, place.worst, x, y, r)
  ctx.fillStyle = colourOf(canvas, '--bg')
  ctx.fill()
  ctx.strokeStyle = colourOf(canvas, TOKENS[place.worst] ?? '--off')
  ctx.lineWidth = marked ? 4 : 2.2
  ctx.setLineDash(place.worst === 'unknown' ? [3, 2] : [])
  ctx.stroke()
  ctx.setLineDash([])
  if (place.count === 1) return
  ctx.fillStyle = colourOf(canvas, '--text')
  ctx.font = '600 11px system-ui, sans-serif'
  ctx.textAlign = 'center'
  ctx.textBaseline = 'middle'
  ctx.fillText(integers.format(place.count), x, y + (place.worst === 'warning' ? r * 0.2 : 0))
}

/** Healthy and unknown are circles, the latter dashed; a warning is a triangle, unhealthy a square: as in all of the console. */
function outline(ctx: CanvasRenderingContext2D, worst: string, x: number, y: number, r: number): void {
  if (worst === 'unhealthy') ctx.rect(x - r, y - r, 2 * r, 2 * r)
  else if (worst === 'warning') {
    ctx.moveTo(x, y - r * 1.35)
    ctx.lineTo(x + r * 1.35, y + r * 0.95)
    ctx.lineTo(x - r * 1.35, y + r * 0.95)
    ctx.closePath()
  } else ctx.arc(x, y, r, 0, 2 * Math.PI)
}

/** The place under a point of the screen; of several the smallest, which is drawn last. */
export function placeAt(places: readonly Place[], view: View, size: Size, [px, py]: readonly [number, number]): Place | null {
  const near = (place: Place) => {
    const [x, y] = toScreen(view, size, place.lat, place.lon)
    return Math.hypot(x - px, y - py) <= Math.max(12, radiusOf(place) * 1.2)
  }
  return places.findLast(near) ?? null
}
