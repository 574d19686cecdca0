/** Signing keys: the public keys whose firmware and archives the organization's products take. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { Role } from '../../api/types'
import { useAddress } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm, Dialog } from '../../ui/dialog'
import { Card, Command, CopyButton, Empty, Failure, Skeleton } from '../../ui/layout'
import { shellWord } from '../../ui/shell-word'
import { toast } from '../../ui/toast'
import { NewKey } from './new-key'
import { PagedTable } from './parts/paged-table'
import { RoleNote } from '../../ui/role-note'
import type { SigningKey } from './parts/types'
import css from './org.module.css'

/** How a pair of keys is made and its public half registered. */
function keyCommands(org: string): string {
  return `nervecenter firmware keygen -o release\nnervecenter key import release release.pub --org ${shellWord(org)}`
}

export default function Keys() {
  const { org = '' } = useAddress()
  const role = useRole(org)
  const [adding, setAdding] = useState(false)
  const [deleting, setDeleting] = useState<string | null>(null)
  const queryKey = ['keys', org]
  const keys = useQuery({
    queryKey,
    queryFn: () => data(api.GET('/api/orgs/{org}/keys', { params: { path: { org } } })),
  })
  const remove = async () => {
    if (deleting === null) return
    await take(api.DELETE('/api/orgs/{org}/keys/{name}', { params: { path: { org, name: deleting } } }))
    toast(`The key ${deleting} is gone.`)
    await queries.invalidateQueries({ queryKey })
  }
  const may = atLeast(role, 'manage')
  return (
    <>
      <Card
        title="Signing keys"
        actions={
          keys.data?.length !== 0 && (
            <Button disabled={!may} onClick={() => setAdding(true)}>
              Add a key
            </Button>
          )
        }
      >
        <div className="stack-small">
          <p>Firmware and archives are taken when one of these keys signed them. Devices check the signature once more before they install.</p>
          <RoleNote org={org} needs="manage" what="To change keys" />
          {keys.error && <Failure error={keys.error} again={() => void keys.refetch()} />}
          {keys.isPending && <Skeleton />}
          {keys.data?.length === 0 && <None org={org} role={role} onAdd={() => setAdding(true)} />}
          {keys.data && keys.data.length > 0 && <KeyTable keys={keys.data} role={role} onDelete={setDeleting} />}
        </div>
      </Card>
      {keys.data && keys.data.length > 0 && (
        <Card title="Another key from a terminal">
          <div className="stack-small">
            <p>This makes a pair and registers its public half. The private one, release.priv, stays where firmware is signed.</p>
            <Command text={keyCommands(org)} />
          </div>
        </Card>
      )}
      <Dialog open={adding} onClose={() => setAdding(false)} title="Add a signing key">
        <NewKey org={org} onClose={() => setAdding(false)} />
      </Dialog>
      <Confirm open={deleting !== null} onClose={() => setDeleting(null)} title={`Delete the key ${deleting ?? ''}`} act="Delete it" danger onConfirm={remove}>
        <p>
          Firmware that it signed is not taken any more. A key that something here was checked with cannot be deleted. Devices that ask the
          server for its keys get the new list.
        </p>
      </Confirm>
    </>
  )
}

function KeyTable({ keys, role, onDelete }: { keys: readonly SigningKey[]; role: Role | null; onDelete: (name: string) => void }) {
  return (
    <PagedTable
      label="Signing keys"
      rows={keys}
      rowKey={(k) => k.name}
      textOf={(k) => `${k.name} ${k.key}`}
      columns={[
        { name: 'Name', names: true, cell: (k) => k.name },
        { name: 'For', cell: (k) => (k.scheme === 'ed25519' ? 'fwup (Ed25519)' : 'ESP32 secure boot (RSA)') },
        {
          name: 'Public key',
          cell: (k) => (
            <>
              <code className={css.key} title={k.key}>
                {k.key}
              </code>{' '}
              <CopyButton text={k.key} label={`Copy the public key ${k.name}`} />
            </>
          ),
        },
        {
          name: 'Actions',
          number: true,
          cell: (k) => (
            <Button small kind="plain" disabled={!atLeast(role, 'manage')} aria-label={`Delete the key ${k.name}`} onClick={() => onDelete(k.name)}>
              Delete…
            </Button>
          ),
        },
      ]}
    />
  )
}

function None({ org, role, onAdd }: { org: string; role: Role | null; onAdd: () => void }) {
  return (
    <Empty title="No signing key yet">
      <p>
        Without a key no firmware can be uploaded. A pair is made where firmware is built: the private half signs there and never leaves, the
        public half is registered here.
      </p>
      <Command text={keyCommands(org)} />
      <Button kind="primary" disabled={!atLeast(role, 'manage')} onClick={onAdd}>
        Add a key
      </Button>
    </Empty>
  )
}
