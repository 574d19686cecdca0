/** How far the current release of each group is. */
import { Link } from '@tanstack/react-router'
import type { Group, Rollout } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Bar } from '../../ui/bar'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { count, percent } from '../../ui/text'
import { useProgressOf } from '../group/group-api'
import { failedOf, groupSegments, groupStatus, inFlightOf } from '../group/group-status'
import css from './insights.module.css'

type Row = { group: Group; rollout: Rollout | undefined; error: boolean }

export function Outcomes({ groups }: { groups: readonly Group[] }) {
  const { org, product } = useProduct()
  const read = useProgressOf(org, product, groups)
  const rows = groups.map((group, i): Row => ({ group, rollout: read[i]?.data, error: Boolean(read[i]?.error) }))
  return (
    <Table
      label="Releases by group"
      rows={rows}
      rowKey={(r) => r.group.name}
      columns={[
        { name: 'Group', names: true, cell: (r) => <Link {...paths.group(org, product, r.group.name)}>{r.group.name}</Link> },
        { name: 'Version', cell: (r) => <span className="mono">{r.group.current_release?.firmware?.version ?? '–'}</span> },
        { name: 'State', cell: (r) => <State row={r} /> },
        { name: 'Devices', number: true, cell: (r) => count(r.rollout?.devices ?? r.group.device_count) },
        { name: 'Updated', number: true, cell: ({ rollout: r }) => (r ? `${count(r.updated)} (${percent(r.updated, r.devices)})` : '–') },
        { name: 'Updating', number: true, cell: ({ rollout: r }) => (r ? count(inFlightOf(r)) : '–') },
        { name: 'Failed', number: true, cell: ({ rollout: r }) => <Failed rollout={r} /> },
        { name: 'How far', cell: (r) => <HowFar row={r} /> },
      ]}
    />
  )
}

function Failed({ rollout }: { rollout: Rollout | undefined }) {
  if (!rollout) return <>–</>
  const failed = failedOf(rollout)
  return failed > 0 ? <Status tone="bad">{count(failed)}</Status> : <>0</>
}

function State({ row: { group, rollout, error } }: { row: Row }) {
  if (!rollout && group.current_release) return <span className="muted">{error ? 'not known' : '…'}</span>
  const { tone, word } = groupStatus(group, rollout)
  return <Status tone={tone}>{word}</Status>
}

function HowFar({ row: { group, rollout } }: { row: Row }) {
  if (!rollout) return null
  return (
    <div className={css.bar}>
      <Bar legend={false} label={`Devices of ${group.name}`} segments={groupSegments(rollout)} />
    </div>
  )
}
