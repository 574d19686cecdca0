/** What a webhook was told, newest first, with a way to tell it again. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, take } from '../../api/client'
import type { components } from '../../api/schema'
import type { Pagination } from '../../api/types'
import { useProduct } from '../../product'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Status, type Tone } from '../../ui/status'
import { Pager, Table } from '../../ui/table'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'
import { attempt } from '../../ui/toast'
import { pageOf, useFilters, useLastPage } from '../../address/filters'
import type { Webhook } from './webhooks'
import css from './settings.module.css'

type Delivery = components['schemas']['WebhookDelivery']
type DeliveryPage = { data: Delivery[]; pagination: Pagination }

const STATES: Record<string, Tone> = { pending: 'running', delivered: 'ok', failed: 'bad' }

export function Deliveries({ hook, onClose }: { hook: Webhook; onClose: () => void }) {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const [shown, setShown] = useState<Delivery | null>(null)
  const page = pageOf(filters)
  const key = ['deliveries', org, product, hook.id]
  const log = useQuery({
    queryKey: [...key, page],
    placeholderData: keepPreviousData,
    refetchInterval: 3_000,
    queryFn: ({ signal }) => {
      const params = { path: { org, product, webhook: String(hook.id) } as never, query: { 'pagination[page]': page } }
      return take(api.GET('/api/orgs/{org}/products/{product}/webhooks/{webhook}/deliveries', { params, signal })) as Promise<DeliveryPage>
    },
  })
  useLastPage(log.data?.pagination, change)
  const retry = (delivery: Delivery) =>
    attempt('The message is sent again.', async () => {
      const params = { path: { org, product, webhook: String(hook.id), delivery: String(delivery.id) } as never }
      await take(api.POST('/api/orgs/{org}/products/{product}/webhooks/{webhook}/deliveries/{delivery}/retry', { params }))
      await queries.invalidateQueries({ queryKey: key })
    })
  return (
    <Card
      title="Log"
      actions={
        <Button small onClick={onClose}>
          Close the log
        </Button>
      }
    >
      <div className="stack-small">
        <p className={`small muted ${css.url}`}>What was sent to {hook.url} in the last 30 days.</p>
        {log.error && <Failure error={log.error} again={() => void log.refetch()} />}
        {log.isPending && <Skeleton />}
        {log.data && (
          <Table
            label="Log of the webhook"
            rows={log.data.data}
            rowKey={(d) => d.id}
            none="Nothing was sent yet. Test sends a message that says it is a test."
            columns={[
              { name: 'Event', names: true, cell: (d) => <code>{d.event}</code> },
              { name: 'State', cell: (d) => <Status tone={STATES[d.status] ?? 'off'}>{d.status}</Status> },
              { name: 'Filed', cell: (d) => <Time at={d.inserted_at} /> },
              { name: 'Attempts', number: true, cell: (d) => count(d.attempts) },
              { name: 'Answer', cell: (d) => <Answer delivery={d} /> },
              {
                name: 'Actions',
                cell: (d) => (
                  <span className="row">
                    <Button small aria-label={`Message of ${d.event}, number ${d.id}`} onClick={() => setShown(d)}>
                      Message…
                    </Button>
                    <Button
                      small
                      disabled={d.status === 'pending'}
                      aria-label={`Send ${d.event} again, number ${d.id}`}
                      onClick={() => void retry(d)}
                    >
                      Send again
                    </Button>
                  </span>
                ),
              },
            ]}
          />
        )}
        <Pager at={log.data?.pagination} onPage={(p) => change({ page: String(p) })} />
      </div>
      {shown && <Message delivery={shown} onClose={() => setShown(null)} />}
    </Card>
  )
}

function Answer({ delivery: d }: { delivery: Delivery }) {
  if (d.status === 'delivered') return <>{d.response_status}</>
  return (
    <>
      {d.error ?? d.response_status ?? <span className="muted">none yet</span>}
      {d.status === 'pending' && d.next_attempt_at && d.attempts > 0 && (
        <span className="muted">
          {' '}
          · again <Time at={d.next_attempt_at} />
        </span>
      )}
    </>
  )
}

function Message({ delivery: d, onClose }: { delivery: Delivery; onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title={`Message ${d.event}`} wide>
      <p className="small muted">
        webhook-id <code>{d.message_id}</code>, the same at each attempt
      </p>
      <pre className={css.body} tabIndex={0} aria-label="Body">
        {JSON.stringify(d.body, null, 2)}
      </pre>
      <DialogButtons>
        <Button onClick={onClose}>Close</Button>
      </DialogButtons>
    </Dialog>
  )
}
