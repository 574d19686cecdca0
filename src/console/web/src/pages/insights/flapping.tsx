/** Devices that keep losing their connection: a weak network, a power supply, or two devices with one identity. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api, data } from '../../api/client'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'

/** How far back is looked, in hours, and how often a connection must have ended. */
const HOURS = 24
const LEAST = 5

export function Flapping() {
  const { org, product } = useProduct()
  const read = useQuery({
    queryKey: ['flapping', org, product],
    refetchInterval: 60_000,
    queryFn: ({ signal }) => {
      const params = { path: { org, product }, query: { hours: HOURS, least: LEAST } }
      return data(api.GET('/api/orgs/{org}/products/{product}/flapping', { params, signal }))
    },
  })
  return (
    <Card title="Devices that come and go">
      {read.error && <Failure error={read.error} again={() => void read.refetch()} />}
      {read.isPending && <Skeleton />}
      {read.data?.length === 0 && (
        <p>
          <Status tone="ok">None</Status>{' '}
          <span className="muted">
            lost its connection {LEAST} times or more in the last {HOURS} hours.
          </span>
        </p>
      )}
      {read.data && read.data.length > 0 && (
        <div className="stack-small">
          <Table
            label="Devices that come and go"
            rows={read.data}
            rowKey={(r) => r.device}
            columns={[
              { name: 'Device', names: true, cell: (r) => <Link {...paths.device(org, product, r.device, 'activity')}>{r.device}</Link> },
              { name: `Connections that ended in ${HOURS} hours`, number: true, cell: (r) => count(r.connections) },
              { name: 'Last', cell: (r) => <Time at={r.last} /> },
            ]}
          />
          <p className="small muted">
            Two devices with one identity push each other off: the <Link {...paths.product(org, product, 'notifications')}>notifications</Link> name
            those.
          </p>
        </div>
      )}
    </Card>
  )
}
