/** "Does it get worse?" The fleet over time, versions, how updates went and why they failed, devices that stand out. */
import { useProduct } from '../../product'
import { Card, Empty, Failure, Page, Skeleton } from '../../ui/layout'
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { Pager } from '../../ui/table'
import { pageOf, useFilters } from '../../address/filters'
import { paged } from '../../address/paged'
import { useDeviceCount, useGroupList } from '../firmware/queries'
import { Failures } from './failures'
import { Flapping } from './flapping'
import { History } from './history'
import { Outcomes } from './outcomes'
import { Questions } from './questions'
import { Versions } from './versions'

/** Groups that are looked into at once: each is two requests. */
const GROUPS = 12

export default function Insights() {
  const { org, product } = useProduct()
  const devices = useDeviceCount(org, product, '')
  return (
    <Page title="Insights">
      {devices.error && <Failure error={devices.error} again={() => void devices.refetch()} />}
      {devices.isPending && <Skeleton lines={6} />}
      {devices.data === 0 && (
        <Empty title="No fleet to look into yet">
          <p>
            Once devices have joined, this page counts which versions they run, how updates went and why they failed, and which devices stand
            out. The first device comes from the <Link {...paths.product(org, product, 'devices')}>device list</Link>.
          </p>
        </Empty>
      )}
      {devices.data !== undefined && devices.data > 0 && (
        <>
          <History />
          <Versions devices={devices.data} />
          <Groups />
          <Failures />
          <Flapping />
          <Questions devices={devices.data} />
        </>
      )}
    </Page>
  )
}

/** What releases came to: of a page of groups, the largest first. */
function Groups() {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const groups = useGroupList(org, product)
  const all = (groups.data ?? []).toSorted((a, b) => (b.device_count ?? 0) - (a.device_count ?? 0) || a.name.localeCompare(b.name))
  const { rows: shown, pagination } = paged(all, pageOf(filters), GROUPS)
  return (
    <Card title="Updates by deployment group">
      {groups.error && <Failure error={groups.error} again={() => void groups.refetch()} />}
      {groups.isPending && <Skeleton lines={4} />}
      {groups.data?.length === 0 && (
        <p className="muted">
          There is no <Link {...paths.product(org, product, 'groups')}>deployment group</Link> yet, so nothing is updated by itself.
        </p>
      )}
      <div className="stack-small">
        {shown.length > 0 && <Outcomes groups={shown} />}
        <Pager at={pagination} onPage={(p) => change({ page: String(p) })} />
      </div>
    </Card>
  )
}
