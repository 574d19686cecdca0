/** Invites a person by email. Without a mail server the link is shown here once, to be handed on. */
import { useState } from 'react'
import { api, data } from '../../api/client'
import { ROLES } from '../../api/types'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { SelectField, TextField, useForm } from '../../ui/form'
import { Command, Notice } from '../../ui/layout'
import { ShownOnce } from '../../ui/shown-once'
import type { MadeInvitation } from './parts/types'

const OPTIONS = [
  { value: 'view', label: 'view: see, and run support scripts' },
  { value: 'manage', label: 'manage: also change devices, groups and firmware' },
  { value: 'admin', label: 'admin: also members and products' },
]

export function Invite({ org, onClose }: { org: string; onClose: () => void }) {
  const [made, setMade] = useState<MadeInvitation | null>(null)
  if (made?.url) return <HandOn invitation={made} url={made.url} onClose={onClose} />
  return (
    <Dialog open onClose={onClose} title={`Invite somebody to ${org}`}>
      {made ? <Sent invitation={made} onClose={onClose} /> : <Ask org={org} onMade={setMade} onClose={onClose} />}
    </Dialog>
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

type MadeProps = { invitation: MadeInvitation; onClose: () => void }

/** The link of a server that sends no mail, which nobody is told again. */
function HandOn({ invitation, url, onClose }: MadeProps & { url: string }) {
  return (
    <ShownOnce title="The link of the invitation" done="Done" onDone={onClose}>
      <Notice kind="warn">
        This server sends no mail, so hand this link to {invitation.email} yourself. It is shown this once, and whoever has it can join in their
        place.
      </Notice>
      {/* The server gives a path when it was not told its public address. */}
      <Command text={new URL(url, location.origin).href} />
      <Rights invitation={invitation} />
    </ShownOnce>
  )
}

function Sent({ invitation, onClose }: MadeProps) {
  return (
    <div className="stack">
      <Notice kind="ok">The link is on its way to {invitation.email}.</Notice>
      <Rights invitation={invitation} />
      <DialogButtons>
        <Button kind="primary" onClick={onClose}>
          Done
        </Button>
      </DialogButtons>
    </div>
  )
}

function Rights({ invitation }: { invitation: MadeInvitation }) {
  return <p>Whoever accepts gets the role {invitation.role}. The invitation holds for 48 hours.</p>
}
