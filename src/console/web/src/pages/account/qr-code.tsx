/** A QR code of a text, for the camera of a phone. */
import { useMemo } from 'react'
import { qrModules } from './qr'
import css from './account.module.css'

/** The white around it, in modules, without which it is not found. */
const QUIET = 4

export function QrCode({ text, label }: { text: string; label: string }) {
  const modules = useMemo(() => qrModules(text), [text])
  if (!modules) return null
  const size = modules.length + 2 * QUIET
  const squares = modules.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x + QUIET} ${y + QUIET}h1v1h-1z`] : [])))
  return (
    <svg className={css.qr} viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shapeRendering="crispEdges">
      <path d={squares.join('')} fill="currentColor" />
    </svg>
  )
}
