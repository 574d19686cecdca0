/** A bar of segments: how a whole is divided. Its counts stand beside it as text. */
import { Status, type Tone } from './status'
import { count } from './text'
import css from './parts.module.css'

export type Segment = { tone: Tone; label: string; count: number }

/** How the devices of a release are divided; `apart` are those that it is kept from. */
export function releaseSegments(r: { devices: number; updated: number; updating: number; failed: number; apart?: number }): Segment[] {
  const apart = r.apart ?? 0
  const segments: Segment[] = [
    { tone: 'ok', label: 'updated', count: r.updated },
    { tone: 'running', label: 'updating', count: r.updating },
    { tone: 'waiting', label: 'waiting', count: Math.max(0, r.devices - r.updated - r.updating - r.failed - apart) },
    { tone: 'bad', label: 'failed', count: r.failed },
  ]
  return apart > 0 ? [...segments, { tone: 'paused', label: 'kept out', count: apart }] : segments
}

export function Bar({ segments, label, legend = true }: { segments: readonly Segment[]; label: string; legend?: boolean }) {
  const whole = segments.reduce((sum, s) => sum + s.count, 0)
  const shown = segments.filter((s) => s.count > 0)
  const sentence = shown.map((s) => `${count(s.count)} ${s.label}`).join(', ') || 'none'
  return (
    <div>
      <div className={css.bar} role="img" aria-label={`${label}: ${sentence}`}>
        {shown.map((s) => (
          <span key={s.label} data-tone={s.tone} title={`${count(s.count)} ${s.label}`} style={{ flex: `${Math.max(s.count / whole, 0.004)} 0 0` }} />
        ))}
      </div>
      {legend && (
        <div className={css.legend} aria-hidden>
          {segments.map((s) => (
            <Status key={s.label} tone={s.tone}>
              {count(s.count)} {s.label}
            </Status>
          ))}
        </div>
      )}
    </div>
  )
}
