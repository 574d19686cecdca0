/** A map that is dragged, zoomed by wheel, buttons and keys, and whose marks are gone to by a click. The table beside it says the same. */
import { Maximize, Minus, Plus } from 'lucide-react'
import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useRef, useState } from 'react'
import { useThemeChange } from '../chart/colours'
import { IconButton } from '../ui/button'
import { counted } from '../ui/text'
import { draw, placeAt } from './draw'
import { type Place, type Size, type View, moved, zoomed } from './view'
import css from './map.module.css'

type Props = {
  label: string
  view: View
  size: Size
  places: readonly Place[]
  onView: (view: View) => void
  onSize: (size: Size) => void
  onWhole: () => void
  onPlace: (place: Place) => void
}

/** Pixels that an arrow key moves the map by, and that a pointer may move in a click. */
const [STEP, STILL] = [80, 5]

export function WorldMap({ label, view, size, places, onView, onSize, onWhole, onPlace }: Props) {
  const holder = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [under, setUnder] = useState<Place | null>(null)
  const drag = useRef<{ x: number; y: number; view: View; far: boolean } | null>(null)
  const latest = useRef({ view, size, places, under, onView, onSize })
  latest.current = { view, size, places, under, onView, onSize }
  const paint = useCallback(() => {
    const { view, size, places, under } = latest.current
    if (canvas.current) draw(canvas.current, view, size, places, under)
  }, [])
  useEffect(() => {
    const frame = requestAnimationFrame(paint)
    return () => cancelAnimationFrame(frame)
  }, [paint, view, size, places, under])
  useThemeChange(paint)
  useEffect(() => {
    const box = holder.current
    if (!box) return
    const sized = new ResizeObserver(() => latest.current.onSize({ width: box.clientWidth, height: box.clientHeight }))
    sized.observe(box)
    // A wheel that zooms must not scroll the page, and React listens to it passively.
    const wheel = (event: WheelEvent) => {
      event.preventDefault()
      const { view, size, onView } = latest.current
      const at = pointOf(box, event)
      onView(zoomed(view, Math.max(-1, Math.min(1, -event.deltaY / 300)), size, at))
    }
    box.addEventListener('wheel', wheel, { passive: false })
    return () => {
      sized.disconnect()
      box.removeEventListener('wheel', wheel)
    }
  }, [])
  const down = (event: PointerEvent<HTMLElement>) => {
    event.currentTarget.setPointerCapture(event.pointerId)
    drag.current = { x: event.clientX, y: event.clientY, view, far: false }
  }
  const move = (event: PointerEvent<HTMLElement>) => {
    const from = drag.current
    if (!from) return setUnder(placeAt(places, view, size, pointOf(event.currentTarget, event)))
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y]
    from.far ||= Math.hypot(dx, dy) > STILL
    if (from.far) onView(moved(from.view, dx, dy))
  }
  const up = (event: PointerEvent<HTMLElement>) => {
    const from = drag.current
    drag.current = null
    const place = from && !from.far && placeAt(places, view, size, pointOf(event.currentTarget, event))
    if (place) onPlace(place)
  }
  const key = (event: KeyboardEvent) => {
    const steps: Record<string, [number, number]> = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] }
    const step = steps[event.key]
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (step) onView(moved(view, ...step))
    else if (event.key === '+' || event.key === '=') onView(zoomed(view, 1, size))
    else if (event.key === '-') onView(zoomed(view, -1, size))
    else if (event.key === '0') onWhole()
    else return
    event.preventDefault()
  }
  return (
    <div className={css.map}>
      <div
        ref={holder}
        className={css.canvas}
        role="application"
        aria-roledescription="map"
        aria-label={`${label}. Arrow keys move it, plus and minus zoom, 0 shows all places. The table after it has the same places.`}
        tabIndex={0}
        data-under={under ? true : undefined}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={() => (drag.current = null)}
        onPointerLeave={() => setUnder(null)}
        onKeyDown={key}
      >
        <canvas ref={canvas} aria-hidden />
      </div>
      <div className={css.buttons}>
        <IconButton label="Nearer" onClick={() => onView(zoomed(view, 1, size))}>
          <Plus size={16} aria-hidden />
        </IconButton>
        <IconButton label="Further away" onClick={() => onView(zoomed(view, -1, size))}>
          <Minus size={16} aria-hidden />
        </IconButton>
        <IconButton label="All places" onClick={onWhole}>
          <Maximize size={16} aria-hidden />
        </IconButton>
      </div>
      {under && (
        <p className={css.under} aria-hidden>
          {under.count === 1 ? under.identifier : counted(under.count, 'device')}, {under.count === 1 ? under.worst : `worst: ${under.worst}`}
        </p>
      )}
    </div>
  )
}

function pointOf(box: HTMLElement, event: { clientX: number; clientY: number }): [number, number] {
  const { left, top } = box.getBoundingClientRect()
  return [event.clientX - left, event.clientY - top]
}
