/** The organization itself: its name, where its devices fetch firmware from, and its end. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { Role } from '../../api/types'
import { paths } from '../../paths'
import { useAddress } from '../../product'
import { atLeast, queries, sessionQuery, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { TextField, useForm } from '../../ui/form'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { shellWord } from '../../ui/shell-word'
import { toast } from '../../ui/toast'
import { counted } from '../../ui/text'
import { RoleNote } from '../../ui/role-note'
import css from './org.module.css'

export default function General() {
  const { org = '' } = useAddress()
  const role = useRole(org)
  return (
    <>
      <RoleNote org={org} needs="admin" what="To change what is on this page" />
      <Rename key={org} org={org} role={role} />
      <Downloads org={org} role={role} />
      <Delete org={org} role={role} />
      <Leave org={org} />
    </>
  )
}

type Props = { org: string; role: Role | null }

function Rename({ org, role }: Props) {
  const navigate = useNavigate()
  const [asking, setAsking] = useState(false)
  const [name, setName] = useState(org)
  const rename = async () => {
    const renamed = await data(api.PUT('/api/orgs/{org}', { params: { path: { org } }, body: { name } }))
    await queries.invalidateQueries({ queryKey: sessionQuery.queryKey })
    toast(`The organization is called ${renamed.name} now.`)
    await navigate({ ...paths.orgSettings(renamed.name, 'general'), replace: true })
  }
  return (
    <Card title="Name">
      <form
        className={css.form}
        onSubmit={(e) => {
          e.preventDefault()
          setAsking(true)
        }}
      >
        <TextField
          label="Name of the organization"
          hint="Letters A to Z, digits, - and _; unique on this server."
          required
          disabled={!atLeast(role, 'admin')}
          value={name}
          onChange={(e) => setName(e.target.value)}
        />
        <div>
          <Button type="submit" disabled={!atLeast(role, 'admin') || name.trim() === org || !name.trim()}>
            Rename…
          </Button>
        </div>
      </form>
      <Confirm open={asking} onClose={() => setAsking(false)} title={`Rename ${org} to ${name}`} act="Rename it" danger typed={org} onConfirm={rename}>
        <p>
          Every address with the old name ends at once: bookmarks, links that were sent, the API's paths, and <code>--org {shellWord(org)}</code> in scripts
          and pipelines. Devices stay connected and notice nothing, and members keep their roles.
        </p>
      </Confirm>
    </Card>
  )
}

function Downloads({ org, role }: Props) {
  const settings = useQuery({
    queryKey: ['org-settings', org],
    queryFn: () => data(api.GET('/api/orgs/{org}/settings', { params: { path: { org } } })),
  })
  return (
    <Card title="Firmware downloads">
      {settings.error && <Failure error={settings.error} again={() => void settings.refetch()} />}
      {settings.isPending && <Skeleton lines={2} />}
      {settings.data && <Proxy key={settings.data.firmware_proxy_url ?? ''} org={org} role={role} saved={settings.data.firmware_proxy_url ?? ''} />}
    </Card>
  )
}

function Proxy({ org, role, saved }: Props & { saved: string }) {
  const [url, setUrl] = useState(saved)
  const form = useForm(async () => {
    const body = { firmware_proxy_url: url.trim() || null }
    const after = await data(api.PUT('/api/orgs/{org}/settings', { params: { path: { org } }, body }))
    queries.setQueryData(['org-settings', org], after)
    toast(after.firmware_proxy_url ? 'Devices fetch firmware through the proxy from now on.' : 'Devices fetch firmware from this server.')
  }, ['firmware_proxy_url'])
  const may = atLeast(role, 'admin')
  return (
    <form className={css.form} onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Proxy"
        type="url"
        hint="Where devices fetch firmware from, without a query; it is asked with the link to the file in the parameter firmware, in base64url. Empty: from this server itself."
        placeholder="https://cache.example.com/firmware"
        disabled={!may}
        value={url}
        error={form.error('firmware_proxy_url')}
        onChange={(e) => setUrl(e.target.value)}
      />
      <div>
        <Button type="submit" disabled={!may || url.trim() === saved} busy={form.busy}>
          Save
        </Button>
      </div>
    </form>
  )
}

function Delete({ org, role }: Props) {
  const navigate = useNavigate()
  const [asking, setAsking] = useState(false)
  const products = useQuery({
    queryKey: ['products', org],
    queryFn: () => data(api.GET('/api/orgs/{org}/products', { params: { path: { org } } })),
  })
  const held = products.data ?? []
  const may = atLeast(role, 'admin') && products.data?.length === 0
  const remove = async () => {
    await take(api.DELETE('/api/orgs/{org}', { params: { path: { org } } }))
    toast(`The organization ${org} is gone.`)
    await navigate({ to: '/', replace: true })
    await queries.invalidateQueries({ queryKey: sessionQuery.queryKey })
  }
  return (
    <Card title="Delete the organization">
      <div className="stack-small">
        <p>
          With it go its members' roles, open invitations, service accounts with their tokens, signing keys and authorities. Its audit log is
          kept by the server, but nobody can read it any more. Its name is free again.
        </p>
        {held.length > 0 && (
          <p className="small muted">
            It still has {counted(held.length, 'product')}:{' '}
            {held
              .slice(0, 3)
              .map((p) => p.name)
              .join(', ')}
            {held.length > 3 && ' and more'}. An organization can be deleted when its products are, so that no fleet is lost by one click.
          </p>
        )}
        <div>
          <Button kind={may ? 'danger' : undefined} disabled={!may} onClick={() => setAsking(true)}>
            Delete…
          </Button>
        </div>
      </div>
      <Confirm open={asking} onClose={() => setAsking(false)} title={`Delete ${org}`} act="Delete it" danger typed={org} onConfirm={remove}>
        <p>
          Members, invitations, service accounts and their tokens, signing keys and authorities of {org} go for good. Programs that use its
          tokens fail from then on.
        </p>
      </Confirm>
    </Card>
  )
}

/** A person's own way out, whatever the role; the last administrator is told by the server what to do first. */
function Leave({ org }: { org: string }) {
  const navigate = useNavigate()
  const [asking, setAsking] = useState(false)
  const leave = async () => {
    await take(api.DELETE('/api/orgs/{org}/membership', { params: { path: { org } } }))
    toast(`You have left ${org}.`)
    await navigate({ to: '/', replace: true })
    await queries.invalidateQueries({ queryKey: sessionQuery.queryKey })
  }
  return (
    <Card title="Leave the organization">
      <div className="stack-small">
        <p>
          You see nothing of {org} any more: your pins, saved views and mail rules in it go, and your API tokens are refused there. To come
          back you need an invitation.
        </p>
        <div>
          <Button kind="danger" onClick={() => setAsking(true)}>
            Leave…
          </Button>
        </div>
      </div>
      <Confirm open={asking} onClose={() => setAsking(false)} title={`Leave ${org}`} act="Leave it" danger typed={org} onConfirm={leave}>
        <p>What you made stays: devices, groups, firmware and service accounts belong to the organization.</p>
      </Confirm>
    </Card>
  )
}
