/** One firmware: what the file says of itself, where it runs, which groups use it, and how devices come to it. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { Problem } from '../../api/problem'
import type { Firmware, Group } from '../../api/types'
import { paths } from '../../paths'
import { useAddress, useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card, CopyButton, Empty, Facts, Failure, Notice, Page, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { bytes } from '../../ui/text'
import { Time } from '../../ui/time'
import { toast } from '../../ui/toast'
import { RoleNote } from '../../ui/role-note'
import { quoted } from '../../query/completion'
import { useDeltasOf } from '../group/group-api'
import { DeltaTable } from './deltas'
import { DeviceCount } from './device-count'
import { DownloadLink } from './download-link'
import { useGroupList } from './queries'

/** Deltas are read of this many groups at most; each group is a request. */
const GROUPS_READ = 10

export default function FirmwarePage() {
  const { org, product } = useProduct()
  const { uuid = '' } = useAddress()
  const found = useQuery({
    queryKey: ['firmwares', org, product, uuid],
    queryFn: ({ signal }): Promise<Firmware> =>
      data(api.GET('/api/orgs/{org}/products/{product}/firmwares/{uuid}', { params: { path: { org, product, uuid } }, signal })),
  })
  if (found.data) return <Shown firmware={found.data} />
  const missing = found.error instanceof Problem && found.error.status === 404
  return (
    <Page title="Firmware">
      {found.isPending && <Skeleton lines={6} />}
      {found.error && !missing && <Failure error={found.error} again={() => void found.refetch()} />}
      {missing && (
        <Empty title="There is no such firmware">
          <p>
            {product} has no firmware with the uuid <code>{uuid}</code>. It may have been deleted.
          </p>
          <Link {...paths.product(org, product, 'firmware')}>All firmware</Link>
        </Empty>
      )}
    </Page>
  )
}

function Shown({ firmware: f }: { firmware: Firmware }) {
  const { org, product } = useProduct()
  const role = useRole(org)
  const groups = useGroupList(org, product)
  const [deleting, setDeleting] = useState(false)
  const users = groups.data?.filter((g) => g.firmware_uuid === f.uuid)
  const released = (users?.length ?? 0) > 0
  return (
    <Page
      title={`${f.version} for ${f.platform}`}
      heading={
        <>
          <h1>
            {f.version} for {f.platform}
          </h1>
          <Link className="small" {...paths.product(org, product, 'firmware')}>
            all firmware
          </Link>
        </>
      }
      actions={
        <>
          <DownloadLink kind="firmwares" uuid={f.uuid} name={`firmware ${f.version}`} />
          <Button kind="danger" disabled={!atLeast(role, 'manage') || released} onClick={() => setDeleting(true)}>
            Delete…
          </Button>
        </>
      }
    >
      <RoleNote org={org} needs="manage" what="Downloading or deleting firmware" />
      {f.damaged && <Notice kind="bad">Its file is missing or damaged on the server, so it is offered to no device. Upload the same file again.</Notice>}
      {released && <p className="small muted">It cannot be deleted while a group uses it.</p>}
      <Card title="The file">
        <Facts
          rows={[
            ['Version', f.version],
            ['Platform', f.platform],
            ['Architecture', f.architecture],
            ['Product', f.product],
            ['Tool', f.tool],
            ['Size', bytes(f.size)],
            ['Uploaded', <Time key="uploaded" at={f.inserted_at} />],
            ['Signed by', f.signed_by],
            ['Author', f.author],
            ['Description', f.description],
            ['Version control', f.vcs_identifier && <code key="vcs">{f.vcs_identifier}</code>],
            ['Misc', f.misc],
            ['uuid', <span className="row" key="uuid"><code>{f.uuid}</code><CopyButton text={f.uuid} label="Copy the uuid" /></span>],
            ['SHA-256', <code key="sha256">{f.sha256.toLowerCase()}</code>],
            ['Runs on', <DeviceCount key="runs" query={`firmware = ${quoted(f.uuid)}`} />],
          ]}
        />
      </Card>
      <Groups firmware={f} users={users} error={groups.error} again={() => void groups.refetch()} />
      {users && users.length > 0 && <Deltas groups={users.filter((g) => g.delta_updatable).slice(0, GROUPS_READ)} of={users.length} />}
      <Delete firmware={f} open={deleting} onClose={() => setDeleting(false)} />
    </Page>
  )
}

type GroupsProps = { firmware: Firmware; users: readonly Group[] | undefined; error: unknown; again: () => void }

function Groups({ firmware: f, users, error, again }: GroupsProps) {
  const { org, product } = useProduct()
  return (
    <Card title="Groups that use it">
      {error ? <Failure error={error} again={again} /> : !users && <Skeleton />}
      {users?.length === 0 && (
        <p className="muted">
          No group's current release has this firmware, so no device gets it by itself.{' '}
          <Link {...paths.product(org, product, 'groups')}>Release it in a group</Link>, or push it to a single device from the device's page.
        </p>
      )}
      {users && users.length > 0 && (
        <Table
          label="Groups and their devices"
          rows={users}
          rowKey={(g) => g.name}
          columns={[
            { name: 'Group', names: true, cell: (g) => <Link {...paths.group(org, product, g.name)}>{g.name}</Link> },
            { name: 'Release', number: true, cell: (g) => g.current_release?.number ?? '–' },
            { name: 'State', cell: (g) => <Status tone={g.is_active ? 'ok' : 'paused'}>{g.is_active ? 'on' : 'off'}</Status> },
            {
              name: 'Devices that run it',
              cell: (g) => <DeviceCount query={`firmware = ${quoted(f.uuid)} and deployment_group = ${quoted(g.name)}`} />,
            },
            {
              name: 'Devices that do not',
              cell: (g) => <DeviceCount query={`deployment_group = ${quoted(g.name)} and firmware != ${quoted(f.uuid)}`} />,
            },
          ]}
        />
      )}
    </Card>
  )
}

function Deltas({ groups, of }: { groups: readonly Group[]; of: number }) {
  const { org, product } = useProduct()
  const read = useDeltasOf(org, product, groups)
  const failed = read.find((r) => r.error)
  return (
    <Card title="Deltas to it">
      {failed && <Failure error={failed.error} again={() => void failed.refetch()} />}
      {groups.length === 0 ? <p className="muted">Its groups send whole files: deltas are off in their settings.</p> : <DeltaTable deltas={read.flatMap((r) => r.data ?? [])} />}
      {of > GROUPS_READ && <p className="small muted">Of {of} groups, the deltas of the first {GROUPS_READ} are shown.</p>}
    </Card>
  )
}

function Delete({ firmware: f, open, onClose }: { firmware: Firmware; open: boolean; onClose: () => void }) {
  const { org, product } = useProduct()
  const navigate = useNavigate()
  const path = { org, product, uuid: f.uuid }
  const act = async () => {
    try {
      await take(api.DELETE('/api/orgs/{org}/products/{product}/firmwares/{uuid}', { params: { path } }))
    } catch (e) {
      const released = e instanceof Problem && e.message.includes('deployment releases')
      throw released ? new Problem(e.status, 'It stays: a release used it, now or earlier.') : e
    }
    toast(`Firmware ${f.version} for ${f.platform} is deleted.`)
    await navigate({ ...paths.product(org, product, 'firmware'), replace: true })
    await queries.invalidateQueries({ queryKey: ['firmwares', org, product] })
  }
  return (
    <Confirm open={open} onClose={onClose} title={`Delete ${f.version} for ${f.platform}`} act="Delete it" danger typed={f.version} onConfirm={act}>
      <p>
        The file and the deltas to and from it are deleted and cannot be brought back. Devices that run it go on running it, and need whole
        files for their next update. The server refuses when any release ever used it, because its history would lose its file.
      </p>
    </Confirm>
  )
}
