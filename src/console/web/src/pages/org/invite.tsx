/** Invites a person by email. Without a mail server the link is shown here once, to be handed on. */
import { useState } from 'react'
import { api, data } from '../../api/client'
import { ROLES } from '../../api/types'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { SelectField, TextField, useForm } from '../../ui/form'
import { Command, Notice } from '../../ui/layout'
import { Kept, ShownOnce } from '../../ui/shown-once'
import type { MadeInvitation } from './parts/types'

const OPTIONS = [
  { value: 'view', label: 'view: see, and run support scripts' },
  { value: 'manage', label: 'manage: also change devices, groups and firmware' },
  { value: 'admin', label: 'admin: also members and products' },
]

export function Invite({ org, open, onClose }: { org: string; open: boolean; onClose: () => void }) {
  const [made, setMade] = useState<MadeInvitation | null>(null)
  const close = () => {
    setMade(null)
    onClose()
  }
  return (
    // An answer that comes after the dialog was closed opens it again: the link would be lost.
    <ShownOnce open={open || made !== null} once={Boolean(made?.url)} onClose={close} title={`Invite somebody to ${org}`}>
      {made ? <Made invitation={made} onDone={close} /> : open && <Ask org={org} onMade={setMade} onClose={close} />}
    </ShownOnce>
  )
}

type AskProps = { org: string; onMade: (made: MadeInvitation) => void; onClose: () => void }

function Ask({ org, onMade, onClose }: AskProps) {
  const [email, setEmail] = useState('')
  const [role, setRole] = useState<string>(ROLES[0])
  const form = useForm(async () => {
    const body = { email: email.trim(), role: role as never }
    onMade(await data(api.POST('/api/orgs/{org}/invites', { params: { path: { org } }, body })))
    await queries.invalidateQueries({ queryKey: ['invites', org] })
  }, ['email', 'role'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField label="Email" type="email" required autoFocus value={email} error={form.error('email')} onChange={(e) => setEmail(e.target.value)} />
      <SelectField label="Role" options={OPTIONS} value={role} error={form.error('role')} onChange={setRole} />
      <p className="small muted">
        The invitation holds for 48 hours. To invite the same address again makes a new link, and the one before it ends.
      </p>
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Invite
        </Button>
      </DialogButtons>
    </form>
  )
}

function Made({ invitation: { email, role, url }, onDone }: { invitation: MadeInvitation; onDone: () => void }) {
  return (
    <div className="stack">
      {url ? (
        <>
          <Notice kind="warn">
            This server sends no mail, so hand this link to {email} yourself. It is shown this once, and whoever has it can join in their place.
          </Notice>
          {/* The server gives a path when it was not told its public address. */}
          <Command text={new URL(url, location.origin).href} />
        </>
      ) : (
        <Notice kind="ok">The link is on its way to {email}.</Notice>
      )}
      <p>Whoever accepts gets the role {role}. The invitation holds for 48 hours.</p>
      <Kept label="Done" onDone={onDone} />
    </div>
  )
}
