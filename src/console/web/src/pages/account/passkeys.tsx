/** The passkeys of the account: listed, added and removed. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { Passkey } from '../../api/types'
import { knowsPasskeys } from '../../session/passkey'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { TextField } from '../../ui/form'
import { Card, Failure, Notice, Skeleton } from '../../ui/layout'
import { Time } from '../../ui/time'
import { toast } from '../../ui/toast'
import { PagedTable } from '../org/parts/paged-table'
import { AddPasskey } from './passkey-add'
import { proven } from './proven'

const KEY = ['passkeys']

export function PasskeysCard() {
  const [adding, setAdding] = useState(false)
  const [removing, setRemoving] = useState<Passkey | null>(null)
  const passkeys = useQuery({ queryKey: KEY, queryFn: () => data(api.GET('/api/users/me/passkeys')) })
  const server = useQuery({ queryKey: ['server'], queryFn: () => data(api.GET('/api/server')), staleTime: Infinity })
  const obstacle = server.data && why(server.data.passkeys)
  return (
    <Card
      title="Passkeys"
      actions={
        <Button disabled={!server.data || Boolean(obstacle)} onClick={() => setAdding(true)}>
          Add a passkey…
        </Button>
      }
    >
      <div className="stack-small">
        <p>
          A passkey is kept by your phone, your computer or a security key, which unlocks it by your finger, your face or a PIN. It logs you in
          without a password; and a login with your password asks for it as well, so that a stolen password alone is worth nothing.
        </p>
        {obstacle && <Notice>{obstacle}</Notice>}
        {passkeys.error && <Failure error={passkeys.error} again={() => void passkeys.refetch()} />}
        {passkeys.isPending && <Skeleton lines={2} />}
        {passkeys.data?.length === 0 && <p className="muted">You have none yet.</p>}
        {passkeys.data && passkeys.data.length > 0 && <PasskeyTable passkeys={passkeys.data} onRemove={setRemoving} />}
      </div>
      <AddPasskey open={adding} onClose={() => setAdding(false)} />
      {removing && <Remove passkey={removing} last={passkeys.data?.length === 1} onClose={() => setRemoving(null)} />}
    </Card>
  )
}

/** Why no passkey can be added here, if that is so. */
function why(server: boolean): string | null {
  if (!server) {
    return 'Passkeys work only where this server is reached by https under a domain name, or under localhost. Whoever runs it says so with --web-url.'
  }
  return knowsPasskeys() ? null : 'This browser has no passkeys. A newer one has.'
}

function PasskeyTable({ passkeys, onRemove }: { passkeys: readonly Passkey[]; onRemove: (passkey: Passkey) => void }) {
  return (
    <PagedTable
      label="Passkeys"
      rows={passkeys}
      rowKey={(p) => p.id}
      textOf={(p) => p.name}
      columns={[
        { name: 'Name', names: true, cell: (p) => p.name },
        { name: 'Added', cell: (p) => <Time at={p.inserted_at} /> },
        { name: 'Last login', cell: (p) => (p.last_used_at ? <Time at={p.last_used_at} /> : 'never') },
        {
          name: 'Actions',
          number: true,
          cell: (p) => (
            <Button small kind="plain" aria-label={`Remove the passkey ${p.name}`} onClick={() => onRemove(p)}>
              Remove
            </Button>
          ),
        },
      ]}
    />
  )
}

function Remove({ passkey, last, onClose }: { passkey: Passkey; last: boolean; onClose: () => void }) {
  const [password, setPassword] = useState('')
  const remove = async () => {
    const path = { passkey: String(passkey.id) }
    await proven(take(api.DELETE('/api/users/me/passkeys/{passkey}', { params: { path }, body: { current_password: password } })))
    await queries.invalidateQueries({ queryKey: KEY })
    void queries.invalidateQueries({ queryKey: ['second-factor'] })
    toast(`The passkey ${passkey.name} is removed.`)
  }
  return (
    <Confirm open onClose={onClose} title={`Remove the passkey ${passkey.name}`} act="Remove it" danger onConfirm={remove}>
      <p>
        It logs nobody in any more. {last && 'It is your last one: unless an app makes codes for you, your password alone is asked for from then on. '}
        What your device keeps of it can be deleted there.
      </p>
      <TextField
        label="Your password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(e) => setPassword(e.target.value)}
      />
    </Confirm>
  )
}
