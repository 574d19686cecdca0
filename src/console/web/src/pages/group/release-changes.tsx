/** The settings of a group that a release changes first, as they are and as they will be. */
import type { ReactNode } from 'react'
import type { Group } from '../../api/types'
import { Table } from '../../ui/table'
import { count } from '../../ui/text'
import { conditionsText } from './conditions'
import type { Conditions } from './group-api'
import { WorkflowSteps } from './workflow-steps'

const NAMES: Record<string, string> = {
  conditions: 'Which devices it is for',
  workflow: 'Steps of a release',
  automatic_rollback: 'Roll back by itself',
  concurrent_updates: 'Updates at once',
  bytes_per_second: 'Bytes a second',
}

/** The names of changed settings, as people know them. */
export function namesOf(changes: Record<string, unknown>): string {
  return Object.keys(changes)
    .map((k) => (NAMES[k] ?? k.replaceAll('_', ' ')).toLowerCase())
    .join(', ')
}

export function ChangedSettings({ changes, group }: { changes: Record<string, unknown>; group: Group }) {
  const before: Record<string, unknown> = { ...group.settings, conditions: group.conditions }
  const names = Object.keys(changes)
  if (names.length === 0) return null
  return (
    <div className="stack-small">
      <h3>Settings of the group that are changed with it</h3>
      <Table
        label="Changed settings"
        rows={names}
        rowKey={(name) => name}
        columns={[
          { name: 'Setting', names: true, cell: (name) => NAMES[name] ?? name.replaceAll('_', ' ') },
          { name: 'Now', cell: (name) => shown(name, before[name]) },
          { name: 'From then on', cell: (name) => shown(name, changes[name]) },
        ]}
      />
    </div>
  )
}

function shown(name: string, value: unknown): ReactNode {
  if (name === 'workflow') return <WorkflowSteps workflow={value} />
  if (name === 'conditions') return conditionsText(value as Conditions)
  if (typeof value === 'boolean') return value ? 'on' : 'off'
  if (value === null || value === undefined) return name === 'bytes_per_second' ? 'no limit' : 'none'
  if (typeof value === 'number') return count(value)
  return String(value)
}
