/** Makes a webhook or changes one. */
import { useState } from 'react'
import { api, data } from '../../api/client'
import type { components } from '../../api/schema'
import { useProduct } from '../../product'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { Check, TextField, useForm } from '../../ui/form'
import { toast } from '../../ui/toast'
import { EventChecks } from './events'
import type { Webhook } from './webhooks'

export type NewWebhook = components['schemas']['NewWebhook']

type Props = {
  hook?: Webhook
  onClose: () => void
  /** Told of a new webhook, whose secret is shown once. */
  onMade: (hook: NewWebhook) => void
}

export function WebhookForm({ hook, onClose, onMade }: Props) {
  const { org, product } = useProduct()
  const [url, setUrl] = useState(hook?.url ?? '')
  const [description, setDescription] = useState(hook?.description ?? '')
  const [events, setEvents] = useState<string[]>(hook?.events ?? ['update.failed', 'notification.raised'])
  const [active, setActive] = useState(hook?.active ?? true)
  const form = useForm(async () => {
    const body = { url, description: description || null, events, active }
    const path = { org, product }
    if (hook) {
      const params = { path: { ...path, webhook: String(hook.id) } as never }
      await data(api.PUT('/api/orgs/{org}/products/{product}/webhooks/{webhook}', { params, body }))
      toast('The webhook is changed.')
      onClose()
    } else {
      onMade(await data(api.POST('/api/orgs/{org}/products/{product}/webhooks', { params: { path }, body })))
    }
    await queries.invalidateQueries({ queryKey: ['webhooks', org, product] })
  }, ['url', 'description', 'events', 'active'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Address"
        hint="Reached from the server over https, with a public name."
        type="url"
        required
        autoFocus
        mono
        value={url}
        error={form.error('url')}
        onChange={(e) => setUrl(e.target.value)}
        placeholder="https://hooks.example.org/nervecenter"
      />
      <TextField label="Description" value={description} error={form.error('description')} onChange={(e) => setDescription(e.target.value)} />
      <EventChecks chosen={events} onChange={setEvents} error={form.error('events')} />
      <Check label="Messages are sent" checked={active} onChange={setActive} />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          {hook ? 'Save' : 'Make it'}
        </Button>
      </DialogButtons>
    </form>
  )
}
