/** Adds a passkey: the password and a name, what the browser asks, then the recovery codes where it is the first second factor. */
import { useState } from 'react'
import { api, data } from '../../api/client'
import { makePasskey } from '../../session/passkey'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { TextField, useForm } from '../../ui/form'
import { ShownOnce } from '../../ui/shown-once'
import { toast } from '../../ui/toast'
import { browserOf } from './browser'
import { RecoveryCodes } from './recovery-codes'

export function AddPasskey({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [codes, setCodes] = useState<readonly string[] | null>(null)
  const close = () => {
    onClose()
    setCodes(null)
    void queries.invalidateQueries({ queryKey: ['second-factor'] })
  }
  const added = async (made: readonly string[]) => {
    await queries.invalidateQueries({ queryKey: ['passkeys'] })
    toast('The passkey is added.')
    if (made.length > 0) setCodes(made)
    else close()
  }
  return (
    // An answer that comes after the dialog was closed opens it again: the codes would be lost.
    <ShownOnce open={open || Boolean(codes)} once={Boolean(codes)} onClose={close} title={codes ? 'Keep your recovery codes' : 'Add a passkey'}>
      {codes ? <RecoveryCodes codes={codes} of="passkey" onDone={close} /> : open && <Form onClose={close} onDone={added} />}
    </ShownOnce>
  )
}

function Form({ onClose, onDone }: { onClose: () => void; onDone: (codes: readonly string[]) => Promise<void> }) {
  const [password, setPassword] = useState('')
  const [name, setName] = useState(() => browserOf(navigator.userAgent))
  const form = useForm(async () => {
    const { options, challenge } = await data(api.POST('/api/users/me/passkeys/options', { body: { current_password: password } }))
    const credential = await makePasskey(options)
    const body = { challenge, credential: credential as never, name }
    await onDone((await data(api.POST('/api/users/me/passkeys', { body }))).recovery_codes)
  }, ['current_password', 'name'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <p>First your password, so that nobody at a browser that was left open keeps a way in. Your browser asks for the rest.</p>
      <TextField
        label="Your password"
        type="password"
        autoComplete="current-password"
        required
        autoFocus
        value={password}
        error={form.error('current_password')}
        onChange={(e) => setPassword(e.target.value)}
      />
      <TextField
        label="Name"
        hint="What you will know it by in this list."
        required
        maxLength={100}
        value={name}
        error={form.error('name')}
        onChange={(e) => setName(e.target.value)}
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
