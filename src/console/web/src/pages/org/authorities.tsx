/** Certificate authorities that vouch for the organization's devices. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { Role } from '../../api/types'
import { useAddress } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm, Dialog } from '../../ui/dialog'
import { Card, Command, Empty, Failure, Skeleton, Tags } from '../../ui/layout'
import { shellWord } from '../../ui/shell-word'
import { Status } from '../../ui/status'
import { moment } from '../../ui/text'
import { Time, useNow } from '../../ui/time'
import { toast } from '../../ui/toast'
import { NewAuthority } from './new-authority'
import { PagedTable } from './parts/paged-table'
import { RoleNote } from '../../ui/role-note'
import type { Authority } from './parts/types'
import css from './org.module.css'

const DAY = 86_400_000
/** How long before its end an authority is marked, in days. */
const SOON = 30

export default function Authorities() {
  const { org = '' } = useAddress()
  const role = useRole(org)
  const [adding, setAdding] = useState(false)
  const [deleting, setDeleting] = useState<Authority | null>(null)
  const queryKey = ['authorities', org]
  const authorities = useQuery({
    queryKey,
    queryFn: () => data(api.GET('/api/orgs/{org}/ca_certificates', { params: { path: { org } } })),
  })
  const remove = async () => {
    if (!deleting) return
    await take(api.DELETE('/api/orgs/{org}/ca_certificates/{serial}', { params: { path: { org, serial: deleting.serial } } }))
    toast('The authority is forgotten.')
    await queries.invalidateQueries({ queryKey })
  }
  const add = () => setAdding(true)
  return (
    <>
      <Card
        title="Certificate authorities"
        actions={
          authorities.data?.length !== 0 && (
            <Button disabled={!atLeast(role, 'manage')} onClick={add}>
              Add an authority
            </Button>
          )
        }
      >
        <div className="stack-small">
          <p>A device whose certificate one of these authorities signed may connect, and can be made when it comes for the first time.</p>
          <RoleNote org={org} needs="manage" what="To change authorities" />
          {authorities.error && <Failure error={authorities.error} again={() => void authorities.refetch()} />}
          {authorities.isPending && <Skeleton />}
          {authorities.data?.length === 0 && <None org={org} role={role} onAdd={add} />}
          {authorities.data && authorities.data.length > 0 && <AuthorityTable rows={authorities.data} role={role} onDelete={setDeleting} />}
        </div>
      </Card>
      <Dialog open={adding} onClose={() => setAdding(false)} title="Add a certificate authority" wide>
        <NewAuthority org={org} onClose={() => setAdding(false)} />
      </Dialog>
      <Confirm open={deleting !== null} onClose={() => setDeleting(null)} title="Forget this authority" act="Forget it" danger onConfirm={remove}>
        <p>
          {deleting?.description ? `${deleting.description}, serial number ` : 'Serial number '}
          <code className={css.key}>{deleting?.serial}</code>. It vouches for no new device any more. Devices that connected with its
          certificates stay, with the certificates that are registered for them.
        </p>
      </Confirm>
    </>
  )
}

type TableProps = { rows: readonly Authority[]; role: Role | null; onDelete: (authority: Authority) => void }

function AuthorityTable({ rows, role, onDelete }: TableProps) {
  return (
    <PagedTable
      label="Certificate authorities"
      rows={rows}
      rowKey={(a) => `${a.serial} ${a.not_before} ${a.not_after}`}
      textOf={(a) => `${a.serial} ${a.description ?? ''} ${a.jitp?.product_name ?? ''}`}
      columns={[
        {
          name: 'Serial number',
          names: true,
          cell: (a) => (
            <code className={css.key} title={a.serial}>
              {a.serial}
            </code>
          ),
        },
        { name: 'Description', cell: (a) => a.description ?? <span className="muted">–</span> },
        { name: 'Not before', cell: (a) => <Time at={a.not_before} /> },
        { name: 'Not after', cell: (a) => <NotAfter at={a.not_after} /> },
        { name: 'New devices', cell: (a) => <Provisioning authority={a} /> },
        {
          name: 'Actions',
          number: true,
          cell: (a) => (
            <Button
              small
              kind="plain"
              disabled={!atLeast(role, 'manage')}
              aria-label={`Forget the authority ${a.description ?? a.serial}`}
              onClick={() => onDelete(a)}
            >
              Forget…
            </Button>
          ),
        },
      ]}
    />
  )
}

function NotAfter({ at }: { at: string }) {
  const left = moment(at).getTime() - useNow()
  if (left < 0) return <Status tone="bad">expired <Time at={at} /></Status>
  if (left < SOON * DAY) return <Status tone="warn">ends <Time at={at} /></Status>
  return <Time at={at} />
}

function Provisioning({ authority: { jitp } }: { authority: Authority }) {
  if (!jitp) return <span className="muted">are refused</span>
  return (
    <span className="row">
      join {jitp.product_name}
      {jitp.tags && jitp.tags.length > 0 && <Tags tags={jitp.tags} />}
    </span>
  )
}

function None({ org, role, onAdd }: { org: string; role: Role | null; onAdd: () => void }) {
  return (
    <Empty title="No authority yet">
      <p>
        Register the authority that signs the certificates of your devices, so that they need no shared secret. Its private key proves that it
        is yours, and stays where it is:
      </p>
      <Command text={`nervecenter ca register ca.pem --key ca-key.pem --org ${shellWord(org)}`} />
      <Button kind="primary" disabled={!atLeast(role, 'manage')} onClick={onAdd}>
        Add an authority
      </Button>
    </Empty>
  )
}
