/** A share of a whole as a thin bar; the number stands beside it as text. */
import css from './parts.module.css'

export function Share({ part, whole }: { part: number; whole: number }) {
  return (
    <span className={css.share} aria-hidden>
      <span style={{ width: `${whole > 0 ? Math.min(100, (part / whole) * 100) : 0}%` }} />
    </span>
  )
}
