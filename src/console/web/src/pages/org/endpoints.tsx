/** Keys on the iroh network: of devices, which report theirs, of members, and of nobody yet. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { Role } from '../../api/types'
import { useAddress } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm, Dialog } from '../../ui/dialog'
import { SelectField } from '../../ui/form'
import { Card, CopyButton, Empty, Failure, Skeleton } from '../../ui/layout'
import { Time } from '../../ui/time'
import { toast } from '../../ui/toast'
import { NewEndpoint } from './new-endpoint'
import { PagedTable } from './parts/paged-table'
import { RoleNote } from '../../ui/role-note'
import type { Endpoint } from './parts/types'
import { TypedField } from './parts/typed-field'
import { type Url, useUrl } from '../../address/url'
import css from './org.module.css'

const OWNERS = [
  { value: '', label: 'anybody' },
  { value: 'device', label: 'a device' },
  { value: 'user', label: 'a member' },
  { value: 'none', label: 'nobody yet' },
] as const
type OwnerType = (typeof OWNERS)[number]['value']

export default function Endpoints() {
  const { org = '' } = useAddress()
  const role = useRole(org)
  const url = useUrl()
  const [adding, setAdding] = useState(false)
  const [deleting, setDeleting] = useState<Endpoint | null>(null)
  const [q, owner] = [url.text('q'), ownerOf(url.text('owner'))]
  const queryKey = ['endpoints', org]
  const endpoints = useQuery({
    queryKey: [...queryKey, q, owner],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const query = { search: q || undefined, owner: owner || undefined }
      return data(api.GET('/api/orgs/{org}/iroh_endpoints', { params: { path: { org }, query }, signal }))
    },
  })
  const remove = async () => {
    if (!deleting) return
    const { identifier } = deleting
    await take(api.DELETE('/api/orgs/{org}/iroh_endpoints/{identifier}', { params: { path: { org, identifier } } }))
    toast('The endpoint is forgotten.')
    await queries.invalidateQueries({ queryKey })
  }
  const narrowed = q !== '' || owner !== ''
  const none = endpoints.data?.length === 0 && !narrowed
  return (
    <>
      <Card
        title="Iroh endpoints"
        actions={
          !none && (
            <Button disabled={!atLeast(role, 'manage')} onClick={() => setAdding(true)}>
              Add an endpoint
            </Button>
          )
        }
      >
        <div className="stack-small">
          <p>Public keys that peers of this organization are found by on the iroh network. Devices with the extension report their own.</p>
          <RoleNote org={org} needs="manage" what="To change endpoints" />
          {endpoints.error && <Failure error={endpoints.error} again={() => void endpoints.refetch()} />}
          {endpoints.isPending && <Skeleton />}
          {none && <None role={role} onAdd={() => setAdding(true)} />}
          {endpoints.data && !none && (
            <>
              <Filters url={url} />
              <EndpointTable rows={endpoints.data} role={role} onDelete={setDeleting} />
            </>
          )}
        </div>
      </Card>
      <Dialog open={adding} onClose={() => setAdding(false)} title="Add an iroh endpoint">
        <NewEndpoint org={org} onClose={() => setAdding(false)} />
      </Dialog>
      <Confirm open={deleting !== null} onClose={() => setDeleting(null)} title="Forget this endpoint" act="Forget it" danger onConfirm={remove}>
        <p>
          <code>{deleting?.identifier}</code> is no longer known as part of this organization. A device that reports it brings it back.
        </p>
      </Confirm>
    </>
  )
}

function ownerOf(text: string): OwnerType {
  return OWNERS.find((o) => o.value === text)?.value ?? ''
}

function Filters({ url }: { url: Url }) {
  return (
    <div className={css.filters}>
      <TypedField url={url} name="q" label="Find" placeholder="beginning of a key, a device, a member" />
      <SelectField label="That belong to" options={OWNERS} value={ownerOf(url.text('owner'))} onChange={(owner) => url.change({ owner, page: undefined })} />
    </div>
  )
}

type TableProps = { rows: readonly Endpoint[]; role: Role | null; onDelete: (endpoint: Endpoint) => void }

function EndpointTable({ rows, role, onDelete }: TableProps) {
  return (
    <PagedTable
      label="Iroh endpoints"
      rows={rows}
      rowKey={(e) => e.identifier}
      none="No endpoint is like this."
      columns={[
        {
          name: 'Key',
          names: true,
          cell: (e) => (
            <>
              <code className={css.key} title={e.identifier}>
                {e.identifier}
              </code>{' '}
              <CopyButton text={e.identifier} label="Copy the key" />
            </>
          ),
        },
        { name: 'Of', cell: (e) => <Owner endpoint={e} /> },
        { name: 'Instance', cell: (e) => e.instance },
        { name: 'Entered by', cell: (e) => (e.source === 'device_reported' ? 'the device' : 'a person') },
        { name: 'Last reported', cell: (e) => <Time at={e.last_reported_at} /> },
        { name: 'Since', cell: (e) => <Time at={e.inserted_at} /> },
        {
          name: 'Actions',
          number: true,
          cell: (e) => (
            <Button
              small
              kind="plain"
              disabled={!atLeast(role, 'manage')}
              aria-label={`Forget the endpoint ${e.identifier}`}
              onClick={() => onDelete(e)}
            >
              Forget…
            </Button>
          ),
        },
      ]}
    />
  )
}

function Owner({ endpoint: { owner } }: { endpoint: Endpoint }) {
  if (owner.type === 'device') return <span className="mono">{owner.device_identifier}</span>
  if (owner.type === 'user') return <span title={owner.user_email ?? undefined}>{owner.user_name}</span>
  return <span className="muted">nobody yet</span>
}

function None({ role, onAdd }: { role: Role | null; onAdd: () => void }) {
  return (
    <Empty title="No endpoint yet">
      <p>
        Devices come here by themselves: turn on the extension network_identity in the settings of a product, and each device that has an iroh
        key reports it. Keys of people and of machines that are no devices are entered by hand.
      </p>
      <Button disabled={!atLeast(role, 'manage')} onClick={onAdd}>
        Add an endpoint
      </Button>
    </Empty>
  )
}
