/** Mail rules: members who are mailed about events of the product. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { components } from '../../api/schema'
import { useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm, Dialog } from '../../ui/dialog'
import { Card, Command, Empty, Failure, Notice, Skeleton, Tags, useTitle } from '../../ui/layout'
import { Status, type Tone } from '../../ui/status'
import { Table, type Column } from '../../ui/table'
import { Time } from '../../ui/time'
import { attempt, toast } from '../../ui/toast'
import { MailRuleForm } from './mail-form'
import { RoleNote } from '../../ui/role-note'
import { shellWord } from '../../ui/shell-word'
import { useServer } from './server'

export type MailRule = components['schemas']['MailRule']
type Open = { what: 'new' } | { what: 'edit' | 'delete'; rule: MailRule } | null

export default function Mail() {
  const { org, product } = useProduct()
  useTitle(`Mail rules of ${product}`)
  const may = atLeast(useRole(org), 'manage')
  const server = useServer()
  const [open, setOpen] = useState<Open>(null)
  const off = server.data?.mail === false
  const rules = useQuery({
    queryKey: ['mail-rules', org, product],
    enabled: may,
    refetchInterval: 10_000,
    queryFn: (): Promise<MailRule[]> => data(api.GET('/api/orgs/{org}/products/{product}/mail_rules', { params: { path: { org, product } } })),
  })
  const close = () => setOpen(null)
  return (
    <Card
      title="Mail rules"
      actions={
        <Button kind="primary" disabled={!may || off} onClick={() => setOpen({ what: 'new' })}>
          New mail rule
        </Button>
      }
    >
      <div className="stack-small">
        {off && <MailIsOff />}
        <RoleNote org={org} needs="manage" what="Seeing and making mail rules" />
        {rules.error && <Failure error={rules.error} again={() => void rules.refetch()} />}
        {may && rules.isPending && <Skeleton />}
        {rules.data?.length === 0 && !off && <NoRules />}
        {rules.data && rules.data.length > 0 && <List rules={rules.data} off={off} onOpen={setOpen} />}
      </div>
      <Dialog open={open?.what === 'new' || open?.what === 'edit'} onClose={close} title={open?.what === 'edit' ? 'Mail rule' : 'New mail rule'}>
        {open?.what === 'new' && <MailRuleForm onClose={close} />}
        {open?.what === 'edit' && <MailRuleForm rule={open.rule} onClose={close} />}
      </Dialog>
      {open?.what === 'delete' && <Delete rule={open.rule} onClose={close} />}
    </Card>
  )
}

const STATES: Record<string, { tone: Tone; word: string }> = {
  pending: { tone: 'running', word: 'waits to be sent' },
  sent: { tone: 'ok', word: 'sent' },
  failed: { tone: 'bad', word: 'failed' },
}

function List({ rules, off, onOpen }: { rules: readonly MailRule[]; off: boolean; onOpen: (open: Open) => void }) {
  const { org, product } = useProduct()
  const at = (rule: MailRule) => ({ params: { path: { org, product, rule: String(rule.id) } as never } })
  const refresh = () => queries.invalidateQueries({ queryKey: ['mail-rules', org, product] })
  const test = (rule: MailRule) =>
    attempt(`A test mail to ${rule.email} is on its way.`, async () => {
      await take(api.POST('/api/orgs/{org}/products/{product}/mail_rules/{rule}/test', at(rule)))
      await refresh()
    })
  const set = async (rule: MailRule, active: boolean) => {
    await take(api.PUT('/api/orgs/{org}/products/{product}/mail_rules/{rule}', { ...at(rule), body: { active } }))
    await refresh()
  }
  const toggle = (rule: MailRule) =>
    attempt(
      `Mails to ${rule.email} are ${rule.active ? 'off' : 'on'}.`,
      () => set(rule, !rule.active),
      () => set(rule, rule.active),
    )
  const columns: Column<MailRule>[] = [
    { name: 'Who', names: true, cell: (r) => r.email },
    { name: 'State', cell: (r) => <Status tone={r.active ? 'ok' : 'paused'}>{r.active ? 'on' : 'off'}</Status> },
    { name: 'Mailed about', cell: (r) => <Tags tags={r.events} /> },
    { name: 'Last mail', cell: (r) => <LastMail rule={r} /> },
    {
      name: 'Actions',
      cell: (r) => (
        <span className="row">
          <Button small disabled={off} aria-label={`Test the mail to ${r.email}`} onClick={() => void test(r)}>
            Test
          </Button>
          <Button small aria-label={`Edit the rule for ${r.email}`} onClick={() => onOpen({ what: 'edit', rule: r })}>
            Edit…
          </Button>
          <Button small aria-label={`Switch the rule for ${r.email} ${r.active ? 'off' : 'on'}`} onClick={() => void toggle(r)}>
            Switch {r.active ? 'off' : 'on'}
          </Button>
          <Button small kind="danger" aria-label={`Delete the rule for ${r.email}`} onClick={() => onOpen({ what: 'delete', rule: r })}>
            Delete…
          </Button>
        </span>
      ),
    },
  ]
  return <Table label="Who is mailed" rows={rules} rowKey={(r) => r.id} columns={columns} />
}

function LastMail({ rule: r }: { rule: MailRule }) {
  if (!r.last_status) return <span className="muted">none yet</span>
  const state = STATES[r.last_status]
  return (
    <>
      <Status tone={state?.tone ?? 'off'}>{state?.word ?? r.last_status}</Status> {r.last_at && <Time at={r.last_at} />}
      {r.last_error && <span className="small muted" style={{ display: 'block' }}>{r.last_error}</span>}
    </>
  )
}

function Delete({ rule, onClose }: { rule: MailRule; onClose: () => void }) {
  const { org, product } = useProduct()
  const act = async () => {
    const params = { path: { org, product, rule: String(rule.id) } as never }
    await take(api.DELETE('/api/orgs/{org}/products/{product}/mail_rules/{rule}', { params }))
    await queries.invalidateQueries({ queryKey: ['mail-rules', org, product] })
    toast(`The rule for ${rule.email} is deleted.`)
  }
  return (
    <Confirm open onClose={onClose} title="Delete the mail rule" act="Delete it" danger onConfirm={act}>
      <p>{rule.email} gets no mail by this rule any more. To stop it for a while, switch it off instead.</p>
    </Confirm>
  )
}

function MailIsOff() {
  return (
    <Notice kind="warn">
      <div className="stack-small">
        <p>
          This server sends no mail, so rules cannot be made. Whoever runs it starts it with its mail server, the sender of its mails and its
          own address for the links in them:
        </p>
        <Command
          text={`nervecenter serve \\
  --smtp-url 'smtps://USER:PASSWORD@mail.example.org' \\
  --mail-from 'Nervecenter <ota@example.org>' \\
  --web-url ${shellWord(location.origin)}`}
        />
        <p className="small muted">
          Or by NERVECENTER_SMTP_URL, NERVECENTER_MAIL_FROM and NERVECENTER_WEB_URL in its environment. Webhooks need none of this.
        </p>
      </div>
    </Notice>
  )
}

function NoRules() {
  return (
    <Empty title="No mail rules yet">
      <p>
        A rule mails one member of the organization about the kinds of events that it names. What happens close together comes in one mail,
        and a rule sends at most one in five minutes, so that a bad night does not fill an inbox.
      </p>
    </Empty>
  )
}
