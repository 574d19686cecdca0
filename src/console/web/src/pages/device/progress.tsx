/** How an update of the device goes, stage by stage, from the moment it is offered until the device marks the new firmware as good. */
import { useState } from 'react'
import type { Attempt, Device } from '../../api/types'
import { useLiveDevice } from '../../live/live'
import { Status, type Tone } from '../../ui/status'
import { bytes } from '../../ui/text'
import { Time, useNow } from '../../ui/time'
import { useAttempts, useDeviceAddress } from './device'
import { STEPS, outcomeTone, progressOf, seenOf, type Seen, type Shown } from './stages'
import css from './device.module.css'

export function UpdateProgress({ device }: { device: Device }) {
  const at = useDeviceAddress()
  const live = useLiveDevice(at.org, at.product, at.device)
  const now = useNow()
  const attempts = useAttempts(1)
  const attempt = attempts.data?.[0]
  const seen = useSeen(attempt, attempts.dataUpdatedAt)
  const shown = attempt && seen && progressOf(attempt, seen, live, now)
  if (!attempt || !shown || device.deleted) return null
  return (
    <section className={css.progress} aria-label="Update">
      <div className="row">
        <strong aria-live="polite">Update: {shown.sentence}.</strong>
        <span className="small muted">
          {attempt.kind === 'delta' ? 'delta' : 'full file'}, {bytes(attempt.bytes)}, offered <Time at={attempt.at} />
        </span>
      </div>
      <ol className={css.steps}>
        {STEPS.map((name, i) => (
          <li key={name}>
            <Step name={name} at={i} shown={shown} failed={outcomeTone(attempt.outcome)} />
          </li>
        ))}
      </ol>
      {shown.percent !== null && (
        <div
          className={css.track}
          role="progressbar"
          aria-label={`${STEPS[shown.step]}`}
          aria-valuenow={shown.percent}
          aria-valuemin={0}
          aria-valuemax={100}
        >
          <span style={{ width: `${shown.percent}%` }} />
        </div>
      )}
    </section>
  )
}

/** Remembers since when this page knows the attempt, and when it saw it end. */
function useSeen(attempt: Attempt | undefined, answeredAt: number): Seen | null {
  const [before, remember] = useState<Seen | null>(null)
  const seen = attempt ? seenOf(before, attempt, answeredAt) : null
  if (seen?.attempt !== before?.attempt || seen?.ended !== before?.ended) remember(seen)
  return seen
}

function Step({ name, at, shown, failed }: { name: string; at: number; shown: Shown; failed: Tone }) {
  if (shown.ended === 'done' || at < shown.step) return <Status tone="ok">{name}</Status>
  if (at > shown.step) return <Status tone="waiting">{name}</Status>
  if (shown.ended === 'failed') return <Status tone={failed}>{name}</Status>
  return <Status tone="running">{shown.percent === null ? name : `${name} ${shown.percent} %`}</Status>
}
