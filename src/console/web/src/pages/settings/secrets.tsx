/** Shared secrets: what devices without a certificate prove themselves by when they first connect. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { components } from '../../api/schema'
import { useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card, Command, CopyButton, Empty, Failure, Notice, Skeleton, useTitle } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { Time } from '../../ui/time'
import { toast, toastProblem } from '../../ui/toast'
import { linkConfig } from '../devices/first-device'
import { RoleNote } from '../../ui/role-note'
import { Kept, ShownOnce } from '../../ui/shown-once'
import { shellWord } from '../../ui/shell-word'

type Secret = components['schemas']['SharedSecret']
type NewSecret = components['schemas']['NewSharedSecret']

/** The key of the page that tells how a first device comes: both show the same list. */
const keyOf = (org: string, product: string) => ['shared-secrets', org, product]

export default function Secrets() {
  const { org, product } = useProduct()
  useTitle(`Secrets of ${product}`)
  const may = atLeast(useRole(org), 'manage')
  const [made, setMade] = useState<NewSecret | null>(null)
  const [ending, setEnding] = useState<Secret | null>(null)
  const [busy, setBusy] = useState(false)
  const path = { org, product }
  const secrets = useQuery({
    queryKey: keyOf(org, product),
    enabled: may,
    queryFn: (): Promise<Secret[]> => data(api.GET('/api/orgs/{org}/products/{product}/shared_secrets', { params: { path } })),
  })
  const make = async () => {
    setBusy(true)
    try {
      setMade(await data(api.POST('/api/orgs/{org}/products/{product}/shared_secrets', { params: { path } })))
      await queries.invalidateQueries({ queryKey: keyOf(org, product) })
    } catch (e) {
      toastProblem(e)
    } finally {
      setBusy(false)
    }
  }
  return (
    <Card
      title="Shared secrets"
      actions={
        <Button kind="primary" disabled={!may} busy={busy} onClick={() => void make()}>
          New secret
        </Button>
      }
    >
      <div className="stack-small">
        <p className="muted">
          A pair of key and secret is in the firmware of all devices of {product}. A device that brings it joins under the identifier that it
          names. Whoever reads it from one device can bring another, so certificates are the safer way.
        </p>
        <RoleNote org={org} needs="manage" what="Reading and making secrets" />
        {secrets.error && <Failure error={secrets.error} again={() => void secrets.refetch()} />}
        {may && secrets.isPending && <Skeleton />}
        {secrets.data?.length === 0 && <NoSecrets />}
        {secrets.data && secrets.data.length > 0 && <List secrets={secrets.data} may={may} onEnd={setEnding} />}
      </div>
      {made && <Made secret={made} onClose={() => setMade(null)} />}
      {ending && <Deactivate secret={ending} onClose={() => setEnding(null)} />}
    </Card>
  )
}

function List({ secrets, may, onEnd }: { secrets: readonly Secret[]; may: boolean; onEnd: (secret: Secret) => void }) {
  return (
    <Table
      label="Keys"
      rows={secrets}
      rowKey={(s) => s.key}
      columns={[
        {
          name: 'Key',
          names: true,
          cell: (s) => (
            <span className="row" style={{ gap: 2 }}>
              <code style={{ overflowWrap: 'anywhere' }}>{s.key}</code>
              <CopyButton text={s.key} label={`Copy the key ${s.key}`} />
            </span>
          ),
        },
        {
          name: 'State',
          cell: (s) =>
            s.deactivated_at ? (
              <span className="row">
                <Status tone="off">deactivated</Status>
                <Time at={s.deactivated_at} />
              </span>
            ) : (
              <Status tone="ok">in use</Status>
            ),
        },
        { name: 'Made', cell: (s) => <Time at={s.inserted_at} /> },
        {
          name: 'Actions',
          cell: (s) =>
            s.deactivated_at ? (
              <span className="muted">–</span>
            ) : (
              <Button small kind="danger" disabled={!may} aria-label={`Deactivate ${s.key}`} onClick={() => onEnd(s)}>
                Deactivate…
              </Button>
            ),
        },
      ]}
    />
  )
}

/** Shown once: the server keeps the secret encrypted and never tells it again. */
function Made({ secret, onClose }: { secret: NewSecret; onClose: () => void }) {
  return (
    <ShownOnce open once onClose={onClose} title="The new secret" wide>
      <Notice kind="warn">Copy the secret now. It is not shown again, not even to an administrator.</Notice>
      <h3>Key</h3>
      <Command text={secret.key} />
      <h3>Secret</h3>
      <Command text={secret.secret} />
      <h3>The config of nerves_hub_link</h3>
      <p className="small muted">It reads the secret from the environment where the firmware is built, so that it does not stand in the code:</p>
      <Command text={`export PRODUCT_SECRET=${shellWord(secret.secret)}`} />
      <Command text={linkConfig(location.hostname, secret.key)} />
      <Kept label="It is copied" onDone={onClose} />
    </ShownOnce>
  )
}

function Deactivate({ secret, onClose }: { secret: Secret; onClose: () => void }) {
  const { org, product } = useProduct()
  const act = async () => {
    const params = { path: { org, product, key: secret.key } }
    await take(api.DELETE('/api/orgs/{org}/products/{product}/shared_secrets/{key}', { params }))
    await queries.invalidateQueries({ queryKey: keyOf(org, product) })
    toast('The secret is deactivated.')
  }
  return (
    <Confirm open onClose={onClose} title="Deactivate the secret" act="Deactivate it" danger typed={product} onConfirm={act}>
      <p>
        <code style={{ overflowWrap: 'anywhere' }}>{secret.key}</code> lets nobody in any more: devices that are connected by it are cut off at
        once, and stay away until they have another secret or a certificate. It cannot be switched on again.
      </p>
    </Confirm>
  )
}

function NoSecrets() {
  const { org, product } = useProduct()
  return (
    <Empty title="No shared secret">
      <p>
        Without one, only devices with a registered certificate, or one that an authority of {org} signed, can join. Make one above; its config
        for nerves_hub_link comes with it. Simulated devices try it out:
      </p>
      <Command text={`nervecenter sim --devices 10 --url ${shellWord(`wss://${location.hostname}:4001`)} --product-key KEY --product-secret SECRET`} />
      <p className="small muted">KEY and SECRET are those that are shown when a secret of {product} is made.</p>
    </Empty>
  )
}
