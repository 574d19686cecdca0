/** Webhooks: addresses that the server tells what happens in the product, and the log of what it told them. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { components } from '../../api/schema'
import { useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm, Dialog } from '../../ui/dialog'
import { Card, Command, Empty, Failure, Notice, Skeleton, Tags, useTitle } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Table, type Column } from '../../ui/table'
import { attempt, toast } from '../../ui/toast'
import { useFilters } from '../../address/filters'
import { Deliveries } from './deliveries'
import { RoleNote } from '../../ui/role-note'
import { Kept, ShownOnce } from '../../ui/shown-once'
import { type NewWebhook, WebhookForm } from './webhook-form'
import css from './settings.module.css'

export type Webhook = components['schemas']['Webhook']
type Open = { what: 'new' } | { what: 'edit' | 'delete'; hook: Webhook } | { what: 'made'; hook: NewWebhook } | null

export default function Webhooks() {
  const { org, product } = useProduct()
  useTitle(`Webhooks of ${product}`)
  const may = atLeast(useRole(org), 'manage')
  const [filters, change] = useFilters()
  const [open, setOpen] = useState<Open>(null)
  const hooks = useQuery({
    queryKey: ['webhooks', org, product],
    enabled: may,
    // A webhook that answers 410 is switched off by the server.
    refetchInterval: 10_000,
    queryFn: (): Promise<Webhook[]> => data(api.GET('/api/orgs/{org}/products/{product}/webhooks', { params: { path: { org, product } } })),
  })
  const close = () => setOpen(null)
  const logged = hooks.data?.find((h) => String(h.id) === filters.hook)
  return (
    <>
      <Card
        title="Webhooks"
        actions={
          <Button kind="primary" disabled={!may} onClick={() => setOpen({ what: 'new' })}>
            New webhook
          </Button>
        }
      >
        <div className="stack-small">
          <RoleNote org={org} needs="manage" what="Seeing and making webhooks" />
          {hooks.error && <Failure error={hooks.error} again={() => void hooks.refetch()} />}
          {may && hooks.isPending && <Skeleton />}
          {hooks.data?.length === 0 && <NoWebhooks />}
          {hooks.data && hooks.data.length > 0 && <List hooks={hooks.data} log={filters.hook} onOpen={setOpen} onLog={(hook) => change({ hook })} />}
        </div>
      </Card>
      {logged && <Deliveries hook={logged} onClose={() => change({ hook: '' })} />}
      <Dialog open={open?.what === 'new' || open?.what === 'edit'} onClose={close} title={open?.what === 'edit' ? 'Webhook' : 'New webhook'}>
        {open?.what === 'new' && <WebhookForm onClose={close} onMade={(hook) => setOpen({ what: 'made', hook })} />}
        {open?.what === 'edit' && <WebhookForm hook={open.hook} onClose={close} onMade={close} />}
      </Dialog>
      {open?.what === 'made' && <Made hook={open.hook} onClose={close} />}
      {open?.what === 'delete' && <Delete hook={open.hook} onClose={close} />}
    </>
  )
}

type ListProps = { hooks: readonly Webhook[]; log: string | undefined; onOpen: (open: Open) => void; onLog: (hook: string) => void }

function List({ hooks, log, onOpen, onLog }: ListProps) {
  const { org, product } = useProduct()
  const at = (hook: Webhook) => ({ params: { path: { org, product, webhook: String(hook.id) } as never } })
  const refresh = () => queries.invalidateQueries({ queryKey: ['webhooks', org, product] })
  const test = (hook: Webhook) =>
    attempt('A test message is on its way; the log below says how it went.', async () => {
      await take(api.POST('/api/orgs/{org}/products/{product}/webhooks/{webhook}/test', at(hook)))
      onLog(String(hook.id))
      await queries.invalidateQueries({ queryKey: ['deliveries', org, product, hook.id] })
    })
  const set = async (hook: Webhook, active: boolean) => {
    await take(api.PUT('/api/orgs/{org}/products/{product}/webhooks/{webhook}', { ...at(hook), body: { active } }))
    await refresh()
  }
  const toggle = (hook: Webhook) =>
    attempt(
      hook.active ? 'The webhook is told nothing any more.' : 'The webhook is told again.',
      () => set(hook, !hook.active),
      () => set(hook, hook.active),
    )
  const columns: Column<Webhook>[] = [
    {
      name: 'Address',
      names: true,
      cell: (h) => (
        <span className={css.url}>
          {h.url}
          {h.description && (
            <span className="muted small" style={{ display: 'block', fontWeight: 400 }}>
              {h.description}
            </span>
          )}
        </span>
      ),
    },
    { name: 'State', cell: (h) => <Status tone={h.active ? 'ok' : 'paused'}>{h.active ? 'on' : 'off'}</Status> },
    { name: 'Told of', cell: (h) => <Tags tags={h.events} /> },
    {
      name: 'Actions',
      cell: (h) => (
        <span className="row">
          <Button
            small
            aria-label={`Log of ${h.url}`}
            aria-pressed={log === String(h.id)}
            onClick={() => onLog(log === String(h.id) ? '' : String(h.id))}
          >
            Log
          </Button>
          <Button small aria-label={`Test ${h.url}`} onClick={() => void test(h)}>
            Test
          </Button>
          <Button small aria-label={`Edit ${h.url}`} onClick={() => onOpen({ what: 'edit', hook: h })}>
            Edit…
          </Button>
          <Button small aria-label={`Switch ${h.url} ${h.active ? 'off' : 'on'}`} onClick={() => void toggle(h)}>
            Switch {h.active ? 'off' : 'on'}
          </Button>
          <Button small kind="danger" aria-label={`Delete ${h.url}`} onClick={() => onOpen({ what: 'delete', hook: h })}>
            Delete…
          </Button>
        </span>
      ),
    },
  ]
  return <Table label="Addresses" rows={hooks} rowKey={(h) => h.id} columns={columns} />
}

function Made({ hook, onClose }: { hook: NewWebhook; onClose: () => void }) {
  return (
    <ShownOnce open once onClose={onClose} title="The webhook is made" wide>
      <Notice kind="warn">Copy its secret now. It is not shown again.</Notice>
      <Command text={hook.secret} />
      <p>
        Messages follow Standard Webhooks 1.0: the header <code>webhook-signature</code> has <code>v1,</code> and base64 of HMAC-SHA256 over{' '}
        <code>id.timestamp.body</code>. Libraries for most languages check it with this secret. The receiver answers with a status from 200 to
        299, or with 410 to be told nothing any more.
      </p>
      <Kept label="It is copied" onDone={onClose} />
    </ShownOnce>
  )
}

function Delete({ hook, onClose }: { hook: Webhook; onClose: () => void }) {
  const { org, product } = useProduct()
  const act = async () => {
    const params = { path: { org, product, webhook: String(hook.id) } as never }
    await take(api.DELETE('/api/orgs/{org}/products/{product}/webhooks/{webhook}', { params }))
    await queries.invalidateQueries({ queryKey: ['webhooks', org, product] })
    toast('The webhook is deleted.')
  }
  return (
    <Confirm open onClose={onClose} title="Delete the webhook" act="Delete it" danger onConfirm={act}>
      <p className={css.url}>
        {hook.url} is told nothing any more; its log, its secret and messages that wait are deleted. To stop it for a while, switch it off
        instead.
      </p>
    </Confirm>
  )
}

function NoWebhooks() {
  const { org, product } = useProduct()
  return (
    <Empty title="No webhooks yet">
      <p>
        A webhook tells a program of yours what happens here: it gets a signed <code>POST</code> for each kind of event that it wants. What
        cannot be delivered is tried again for more than a day, and the log keeps it for 30 days. A message looks like this:
      </p>
      <pre className={css.body} tabIndex={0} aria-label="A message">
        {JSON.stringify(
          { type: 'update.failed', timestamp: '2026-11-24T10:36:38Z', data: { org, product, device: 'sn-1', reason: '…', firmware_uuid: '…' } },
          null,
          2,
        )}
      </pre>
    </Empty>
  )
}
