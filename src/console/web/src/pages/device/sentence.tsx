/** A status whose sentence may need more than one line: its shape, and the sentence beside it. */
import type { ReactNode } from 'react'
import { Status, type Tone } from '../../ui/status'
import css from './device.module.css'

export function Sentence({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={css.sentence}>
      <Status tone={tone}>{null}</Status>
      <span>{children}</span>
    </span>
  )
}
