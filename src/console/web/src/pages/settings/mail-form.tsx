/** Makes a mail rule or changes one. The member of a rule stays; somebody else gets a rule of their own. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { useProduct } from '../../product'
import { queries, useSession } from '../../session/session'
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { Check, SelectField, useForm } from '../../ui/form'
import { Failure } from '../../ui/layout'
import { toast } from '../../ui/toast'
import { EventChecks } from './events'
import type { MailRule } from './mail'

export function MailRuleForm({ rule, onClose }: { rule?: MailRule; onClose: () => void }) {
  const { org, product } = useProduct()
  const { user } = useSession()
  const [email, setEmail] = useState(rule?.email ?? user.email)
  const [events, setEvents] = useState<string[]>(rule?.events ?? ['update.failed', 'notification.raised'])
  const [active, setActive] = useState(rule?.active ?? true)
  const members = useQuery({
    queryKey: ['members', org, 'emails'],
    enabled: !rule,
    queryFn: async () => (await data(api.GET('/api/orgs/{org}/users', { params: { path: { org } } }))).map((m) => m.email),
  })
  const form = useForm(async () => {
    const path = { org, product }
    if (rule) {
      const params = { path: { ...path, rule: String(rule.id) } as never }
      await take(api.PUT('/api/orgs/{org}/products/{product}/mail_rules/{rule}', { params, body: { events, active } }))
    } else {
      await take(api.POST('/api/orgs/{org}/products/{product}/mail_rules', { params: { path }, body: { email, events, active } }))
    }
    await queries.invalidateQueries({ queryKey: ['mail-rules', org, product] })
    toast(`The rule for ${email} is saved.`)
    onClose()
  }, ['email', 'events', 'active'])
  const emails = rule ? [rule.email] : [...new Set([user.email, ...(members.data ?? [])])]
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      {members.error && <Failure error={members.error} again={() => void members.refetch()} />}
      <SelectField
        label="Who is mailed"
        hint={rule ? 'Make another rule for somebody else.' : `A member of ${org}.`}
        options={emails.map((e) => ({ value: e, label: e }))}
        value={email}
        error={form.error('email')}
        disabled={Boolean(rule)}
        onChange={setEmail}
      />
      <EventChecks chosen={events} onChange={setEvents} error={form.error('events')} />
      <Check label="Mails are sent" checked={active} onChange={setActive} />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          {rule ? 'Save' : 'Make it'}
        </Button>
      </DialogButtons>
    </form>
  )
}
