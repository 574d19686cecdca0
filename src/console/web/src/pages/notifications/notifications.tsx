/** What the server wants a person to know of the product: problems that it met, merged when they happen again. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, take } from '../../api/client'
import type { components } from '../../api/schema'
import type { Pagination } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Empty, Failure, Page, Skeleton } from '../../ui/layout'
import { Status, type Tone } from '../../ui/status'
import { Pager, Table } from '../../ui/table'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'
import { toast } from '../../ui/toast'
import { pageOf, useFilters, useLastPage } from '../../address/filters'
import { RoleNote } from '../../ui/role-note'
import { aboutOf } from './about'

type Notification = components['schemas']['Notification']
type NotificationPage = { data: Notification[]; pagination: Pagination }

const LEVELS: Record<string, Tone> = { info: 'off', warning: 'warn', error: 'bad' }

export default function Notifications() {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const [dismissing, setDismissing] = useState(false)
  const may = atLeast(useRole(org), 'manage')
  const page = pageOf(filters)
  const notifications = useQuery({
    queryKey: ['notifications', org, product, page],
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
    queryFn: ({ signal }) => {
      const params = { path: { org, product }, query: { 'pagination[page]': page } }
      return take(api.GET('/api/orgs/{org}/products/{product}/notifications', { params, signal })) as Promise<NotificationPage>
    },
  })
  const found = notifications.data
  useLastPage(found?.pagination, change)
  const total = found?.pagination.total_entries ?? 0
  return (
    <Page
      title="Notifications"
      heading={
        <>
          <h1>Notifications</h1>
          {found && (
            <span className="muted num" aria-live="polite">
              {count(total)}
            </span>
          )}
        </>
      }
      actions={
        <Button disabled={!may || total === 0} onClick={() => setDismissing(true)}>
          Dismiss all…
        </Button>
      }
    >
      <RoleNote org={org} needs="manage" what="Dismissing notifications" />
      {notifications.error && <Failure error={notifications.error} again={() => void notifications.refetch()} />}
      {notifications.isPending && <Skeleton lines={5} />}
      {found && total === 0 && <Nothing />}
      {found && total > 0 && (
        <>
          <List notifications={found.data} />
          <Pager at={found.pagination} onPage={(p) => change({ page: String(p) })} />
          <p className="small muted">Each is kept for 90 days after its last time.</p>
        </>
      )}
      <Dismiss open={dismissing} total={total} onClose={() => setDismissing(false)} />
    </Page>
  )
}

function List({ notifications }: { notifications: readonly Notification[] }) {
  return (
    <Table
      label="What was reported"
      rows={notifications}
      rowKey={(n) => n.id}
      columns={[
        { name: 'Level', cell: (n) => <Status tone={LEVELS[n.level] ?? 'off'}>{n.level}</Status> },
        {
          name: 'What',
          names: true,
          cell: (n) => (
            <>
              {n.title}
              <span style={{ display: 'block', fontWeight: 400 }}>{n.message}</span>
            </>
          ),
        },
        { name: 'About', cell: (n) => <About notification={n} /> },
        {
          name: 'Times',
          number: true,
          cell: (n) => (
            <>
              {count(n.occurrence_count)}
              <span className="hidden-text"> times</span>
            </>
          ),
        },
        { name: 'First', cell: (n) => <Time at={n.inserted_at} /> },
        { name: 'Last', cell: (n) => <Time at={n.last_occurred_at} /> },
      ]}
    />
  )
}

function About({ notification }: { notification: Notification }) {
  const { org, product } = useProduct()
  const about = aboutOf(notification)
  if (!about) return <span className="muted">–</span>
  return about.kind === 'device' ? (
    <Link {...paths.device(org, product, about.name)}>{about.name}</Link>
  ) : (
    <Link {...paths.group(org, product, about.name)}>{about.name}</Link>
  )
}

function Dismiss({ open, total, onClose }: { open: boolean; total: number; onClose: () => void }) {
  const { org, product } = useProduct()
  const act = async () => {
    await take(api.DELETE('/api/orgs/{org}/products/{product}/notifications', { params: { path: { org, product } } }))
    await queries.invalidateQueries({ queryKey: ['notifications', org, product] })
    toast('All notifications are dismissed.')
  }
  return (
    <Confirm open={open} onClose={onClose} title="Dismiss all notifications" act={`Dismiss ${count(total)}`} onConfirm={act}>
      <p>
        They are gone for everybody in {product}, on all pages, and cannot be brought back. What happens again comes again. The audit log
        keeps who dismissed them.
      </p>
    </Confirm>
  )
}

function Nothing() {
  const { org, product } = useProduct()
  return (
    <Empty title="Nothing to report">
      <p>
        Here the server says what somebody should know without having asked: a release that stopped by itself, a device that was refused
        because of its clock, its certificate or its name, two devices with one identity. To be told elsewhere, too, make a{' '}
        <Link {...paths.settings(org, product, 'webhooks')}>webhook</Link> or a <Link {...paths.settings(org, product, 'mail')}>mail rule</Link>{' '}
        for <code>notification.raised</code>.
      </p>
    </Empty>
  )
}
