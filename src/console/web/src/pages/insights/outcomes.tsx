/** How far the current release of each group is. */
import { useQueries } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api, data } from '../../api/client'
import type { Group, Rollout } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Bar } from '../../ui/bar'
import { Status, rolloutStatus } from '../../ui/status'
import { Table } from '../../ui/table'
import { count, percent } from '../../ui/text'
import { rolloutSegments } from '../overview/overview'
import css from './insights.module.css'

type Row = { group: Group; rollout: Rollout | undefined; failed: number; inFlight: number; error: boolean }

export function Outcomes({ groups }: { groups: readonly Group[] }) {
  const { org, product } = useProduct()
  const read = useQueries({
    queries: groups.map((g) => ({
      queryKey: ['group', org, product, g.name, 'progress-in-brief'],
      refetchInterval: 10_000,
      queryFn: ({ signal }: { signal: AbortSignal }): Promise<Rollout> => {
        const params = { path: { org, product, name: g.name } }
        return data(api.GET('/api/orgs/{org}/products/{product}/deployments/{name}/progress', { params, signal }))
      },
    })),
  })
  const sum = (rollout: Rollout | undefined, of: 'failed' | 'in_flight') => rollout?.steps.reduce((n, s) => n + s[of], 0) ?? 0
  const rows = groups.map((group, i): Row => {
    const rollout = read[i]?.data
    return { group, rollout, failed: sum(rollout, 'failed'), inFlight: sum(rollout, 'in_flight'), error: Boolean(read[i]?.error) }
  })
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
        { name: 'Updating', number: true, cell: (r) => count(r.inFlight) },
        { name: 'Failed', number: true, cell: (r) => (r.failed > 0 ? <Status tone="bad">{count(r.failed)}</Status> : '0') },
        { name: 'How far', cell: (r) => <HowFar row={r} /> },
      ]}
    />
  )
}

function State({ row: { group, rollout, error } }: { row: Row }) {
  if (!rollout) return <span className="muted">{error ? 'not known' : '…'}</span>
  if (!group.is_active) return <Status tone="paused">off</Status>
  const { tone, word } = rolloutStatus(rollout.state, rollout.status, rollout.updated >= rollout.devices)
  return <Status tone={tone}>{word}</Status>
}

function HowFar({ row: { group, rollout, failed, inFlight } }: { row: Row }) {
  if (!rollout) return null
  return (
    <div className={css.bar}>
      <Bar legend={false} label={`Devices of ${group.name}`} segments={rolloutSegments({ ...rollout, in_flight: inFlight, failed })} />
    </div>
  )
}
