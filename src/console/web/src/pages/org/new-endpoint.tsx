/** Registers a key on the iroh network, for a member or for nobody yet. */
import { useState } from 'react'
import { api, take } from '../../api/client'
import { Problem } from '../../api/problem'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { TextArea, TextField, useForm } from '../../ui/form'

export function NewEndpoint({ org, onClose }: { org: string; onClose: () => void }) {
  const [identifier, setIdentifier] = useState('')
  const [instance, setInstance] = useState('')
  const [email, setEmail] = useState('')
  const [details, setDetails] = useState('')
  const form = useForm(async () => {
    const body = {
      identifier: identifier.trim(),
      instance: instance.trim() || undefined,
      user_email: email.trim() || undefined,
      details: detailsOf(details),
    }
    await take(api.POST('/api/orgs/{org}/iroh_endpoints', { params: { path: { org } }, body: body as never }))
    await queries.invalidateQueries({ queryKey: ['endpoints', org] })
    onClose()
  }, ['identifier', 'instance', 'details'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Key"
        hint="The endpoint's public key, as iroh prints it."
        required
        autoFocus
        mono
        value={identifier}
        error={form.error('identifier')}
        onChange={(e) => setIdentifier(e.target.value)}
      />
      <TextField
        label="Email of the member whose it is"
        hint="Empty: nobody yet. A device of this organization that reports the key takes it over."
        type="email"
        value={email}
        onChange={(e) => setEmail(e.target.value)}
      />
      <TextField
        label="Instance"
        hint="Tells several of one owner apart; default when empty."
        value={instance}
        error={form.error('instance')}
        onChange={(e) => setInstance(e.target.value)}
      />
      <TextArea
        label="Details"
        hint="A JSON object of what belongs to it, at most 4,096 bytes; may be empty."
        mono
        rows={3}
        value={details}
        error={form.error('details')}
        onChange={(e) => setDetails(e.target.value)}
        placeholder={'{"relay": "eu-1"}'}
      />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Add it
        </Button>
      </DialogButtons>
    </form>
  )
}

/** The details as the API takes them. */
function detailsOf(text: string): unknown {
  if (!text.trim()) return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new Problem(422, 'The details are no JSON.', { details: 'are no JSON' })
  }
}
