/** Why updates fail, over groups: by the reason that devices gave, the stage they were in, or the version they came from. */
import { Link } from '@tanstack/react-router'
import type { Group } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Select } from '../../ui/form'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'
import { useFilters } from '../../address/filters'
import { TARGET } from '../firmware/device-count'
import { type FailuresBy, useFailuresOf } from '../group/group-api'
import { type Failed, merged } from './merge'

const BY = [
  { value: 'reason', label: 'by reason' },
  { value: 'stage', label: 'by stage' },
  { value: 'version', label: 'by version before' },
]

export function Failures({ groups, of }: { groups: readonly Group[]; of: number }) {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const by: FailuresBy = filters.by === 'stage' || filters.by === 'version' ? filters.by : 'reason'
  const read = useFailuresOf(org, product, groups, by)
  const chosen = (value: string) => change({ by: value === 'reason' ? '' : value, page: filters.page })
  const failed = read.find((r) => r.error)
  const rows = merged(groups.map((g, i) => ({ group: g.name, failures: read[i]?.data ?? [] })))
  const pending = read.some((r) => r.isLoading)
  return (
    <Card
      title="Why updates failed"
      actions={<Select label="Grouped" options={BY} value={by} onChange={chosen} />}
    >
      <div className="stack-small">
        {failed && <Failure error={failed.error} again={() => void failed.refetch()} />}
        {pending && rows.length === 0 && <Skeleton />}
        {!pending && rows.length === 0 && <Status tone="ok">No update of these releases failed.</Status>}
        {rows.length > 0 && <FailureTable rows={rows} by={by} />}
        {of > groups.length && <p className="small muted">Of the {count(groups.length)} groups in the table above, of {count(of)} in all.</p>}
      </div>
    </Card>
  )
}

const HEADS: Record<FailuresBy, string> = { reason: 'Reason', stage: 'Stage', version: 'Version before' }

function FailureTable({ rows, by }: { rows: readonly Failed[]; by: FailuresBy }) {
  const { org, product } = useProduct()
  return (
    <Table
      label="Failures"
      rows={rows}
      rowKey={(r) => r.value}
      columns={[
        { name: HEADS[by], names: true, cell: (r) => r.value || <span className="muted">none was told</span> },
        { name: 'Devices', number: true, cell: (r) => count(r.count) },
        {
          name: 'Some of them',
          cell: (r) => (
            <span className="row" style={{ gap: '0 8px' }}>
              {r.devices.map((d) => (
                <Link key={d} style={TARGET} {...paths.device(org, product, d, 'firmware')}>
                  {d}
                </Link>
              ))}
            </span>
          ),
        },
        {
          name: 'Groups',
          cell: (r) => (
            <span className="row" style={{ gap: '0 8px' }}>
              {r.groups.map((g) => (
                <Link key={g} style={TARGET} {...paths.group(org, product, g)}>
                  {g}
                </Link>
              ))}
            </span>
          ),
        },
        { name: 'First', cell: (r) => <Time at={r.first} /> },
        { name: 'Last', cell: (r) => <Time at={r.last} /> },
      ]}
    />
  )
}
