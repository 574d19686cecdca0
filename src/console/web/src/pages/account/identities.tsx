/** The accounts at sign-in providers that let the person in here: linked, shown and removed. */
import { useQuery } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { SignInIdentity, SignInProvider } from '../../api/types'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm, Dialog, DialogButtons } from '../../ui/dialog'
import { useForm } from '../../ui/form'
import { Card, Failure, Notice, Skeleton } from '../../ui/layout'
import { Time } from '../../ui/time'
import { toast } from '../../ui/toast'
import { signInProblem } from '../login/sign-in-problem'
import { PagedTable } from '../org/parts/paged-table'
import { CurrentPassword } from './current-password'

const KEY = ['identities']

export function IdentitiesCard() {
  const server = useQuery({ queryKey: ['server'], queryFn: () => data(api.GET('/api/server')), staleTime: Infinity })
  const identities = useQuery({ queryKey: KEY, queryFn: () => data(api.GET('/api/users/me/identities')) })
  const [linking, setLinking] = useState<SignInProvider | null>(null)
  const [removing, setRemoving] = useState<SignInIdentity | null>(null)
  const providers = server.data?.oidc ?? []
  const linked = identities.data ?? []
  // A server without providers has nothing to show here.
  if (providers.length === 0 && linked.length === 0) return null
  return (
    <Card title="Sign-in providers">
      <div className="stack-small">
        <p>Accounts elsewhere that you can log in with here, in place of your password.</p>
        <CameBack providers={providers} />
        {identities.error && <Failure error={identities.error} again={() => void identities.refetch()} />}
        {identities.isPending && <Skeleton lines={2} />}
        {linked.length > 0 && <LinkedTable identities={linked} onRemove={setRemoving} />}
        {identities.data && linked.length === 0 && <p className="muted">None is linked yet.</p>}
        <div className="row">
          {providers.map((provider) => (
            <Button key={provider.name} onClick={() => setLinking(provider)}>
              Link {provider.label}…
            </Button>
          ))}
        </div>
      </div>
      <Dialog open={linking !== null} onClose={() => setLinking(null)} title={`Link ${linking?.label ?? ''}`}>
        {linking && <Link provider={linking} onClose={() => setLinking(null)} />}
      </Dialog>
      <Remove identity={removing} onClose={() => setRemoving(null)} />
    </Card>
  )
}

/** How a link went that the browser comes back from. */
function CameBack({ providers }: { providers: readonly SignInProvider[] }) {
  const { error, linked } = useSearch({ strict: false }) as { error?: unknown; linked?: unknown }
  const problem = signInProblem(error)
  if (problem) return <Notice kind="bad">{problem}</Notice>
  const provider = providers.find((p) => p.name === linked)
  return provider ? <Notice kind="ok">{provider.label} is linked: you can sign in with it from now on.</Notice> : null
}

function LinkedTable({ identities, onRemove }: { identities: readonly SignInIdentity[]; onRemove: (i: SignInIdentity) => void }) {
  return (
    <PagedTable
      label="Linked accounts"
      rows={identities}
      rowKey={(i) => i.id}
      textOf={(i) => `${i.label} ${i.email}`}
      columns={[
        { name: 'Provider', names: true, cell: (i) => <span title={i.issuer}>{i.label}</span> },
        { name: 'Account', cell: (i) => i.email },
        { name: 'Linked', cell: (i) => <Time at={i.inserted_at} /> },
        { name: 'Last used', cell: (i) => (i.last_used_at ? <Time at={i.last_used_at} /> : 'never') },
        {
          name: 'Actions',
          number: true,
          cell: (i) => (
            <Button small kind="plain" aria-label={`Remove ${i.email} at ${i.label}`} onClick={() => onRemove(i)}>
              Remove…
            </Button>
          ),
        },
      ]}
    />
  )
}

function Link({ provider, onClose }: { provider: SignInProvider; onClose: () => void }) {
  const [password, setPassword] = useState('')
  const form = useForm(async () => {
    const body = { provider: provider.name, current_password: password }
    const { url } = await data(api.POST('/api/users/me/identities', { body }))
    // The provider sends the browser back to this page.
    location.assign(url)
  }, ['current_password'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <p>
        You go to {provider.label}, sign in there, and come back. From then on that account lets you in here. Your password first, so that nobody
        at a browser that was left open links theirs.
      </p>
      <CurrentPassword autoFocus value={password} onChange={setPassword} error={form.error('current_password')} />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Go to {provider.label}
        </Button>
      </DialogButtons>
    </form>
  )
}

function Remove({ identity, onClose }: { identity: SignInIdentity | null; onClose: () => void }) {
  const remove = async () => {
    if (!identity) return
    await take(api.DELETE('/api/users/me/identities/{identity}', { params: { path: { identity: String(identity.id) } } }))
    await queries.invalidateQueries({ queryKey: KEY })
    toast(`${identity.email} at ${identity.label} does not let you in any more.`)
  }
  return (
    <Confirm open={identity !== null} onClose={onClose} title="Remove a sign-in provider" act="Remove it" danger onConfirm={remove}>
      <p>
        {identity?.email} at {identity?.label} does not let you in any more. Your sessions stay.
      </p>
    </Confirm>
  )
}
