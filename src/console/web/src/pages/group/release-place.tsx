/** What the steps of making a release share. */
import type { ReactNode } from 'react'
import type { Group } from '../../api/types'
import { Card } from '../../ui/layout'
import type { Draft } from './release-draft'

export type PlaceProps = { draft: Draft; change: (changed: Partial<Draft>) => void; group: Group }

export function PlaceCard({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Card title={title}>
      <div className="stack">{children}</div>
    </Card>
  )
}
