/** Why updates fail, over the whole product: by the reason that devices gave, the stage they were in, the versions, or the group. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useFilters } from '../../address/filters'
import { api, data } from '../../api/client'
import type { components } from '../../api/schema'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Select } from '../../ui/form'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'
import { iso, spanOf, useRange } from './range'

const BY = [
  { value: 'reason', label: 'by reason', head: 'Reason' },
  { value: 'stage', label: 'by stage', head: 'Stage' },
  { value: 'version', label: 'by version before', head: 'Version before' },
  { value: 'target', label: 'by version wanted', head: 'Version wanted' },
  { value: 'group', label: 'by deployment group', head: 'Deployment group' },
] as const

type By = (typeof BY)[number]
type Failed = components['schemas']['FailuresOverTime']

export function Failures() {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const [range] = useRange()
  const by = BY.find((b) => b.value === filters.by) ?? BY[0]
  const read = useQuery({
    queryKey: ['failures', org, product, by.value, range.value],
    refetchInterval: 60_000,
    queryFn: ({ signal }) => {
      const [from, to] = spanOf(range)
      const query = { by: by.value, from: iso(from), to: iso(to) }
      return data(api.GET('/api/orgs/{org}/products/{product}/failures', { params: { path: { org, product }, query }, signal }))
    },
  })
  const chosen = (value: string) => change({ by: value === 'reason' ? '' : value, page: filters.page })
  return (
    <Card title="Why updates failed" actions={<Select label="Grouped" options={BY} value={by.value} onChange={chosen} />}>
      {read.error && <Failure error={read.error} again={() => void read.refetch()} />}
      {read.isPending && <Skeleton />}
      {read.data?.length === 0 && <Status tone="ok">No update failed in the {range.label.toLowerCase()}.</Status>}
      {read.data && read.data.length > 0 && <FailureTable rows={read.data} by={by} />}
    </Card>
  )
}

function FailureTable({ rows, by }: { rows: readonly Failed[]; by: By }) {
  const { org, product } = useProduct()
  return (
    <Table
      label="Failures"
      rows={rows}
      rowKey={(r) => r.value}
      columns={[
        {
          name: by.head,
          names: true,
          cell: (r) => {
            if (!r.value) return <span className="muted">none was told</span>
            return by.value === 'group' ? <Link {...paths.group(org, product, r.value)}>{r.value}</Link> : r.value
          },
        },
        { name: 'Devices', number: true, cell: (r) => count(r.count) },
        { name: 'Attempts', number: true, cell: (r) => count(r.attempts) },
        {
          name: 'Some of them',
          cell: (r) => (
            <span className="row" style={{ gap: '0 8px' }}>
              {r.devices.map((d) => (
                <Link key={d} {...paths.device(org, product, d, 'firmware')}>
                  {d}
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
