/** What was done to a device and by it: its audit log, its connections, and its keys on other networks. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { api, data, take } from '../../api/client'
import { Button } from '../../ui/button'
import { TextField } from '../../ui/form'
import { Card, CopyButton, Failure, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Pager, Table } from '../../ui/table'
import { count, duration, moment } from '../../ui/text'
import { Time } from '../../ui/time'
import { useTyped } from '../../ui/use-typed'
import { pageNumber } from '../../address/paged'
import { useUrl } from '../../address/url'
import { AuditTable } from '../audit/audit-table'
import { D, EVERY, deviceKey, useConnections, useDeviceAddress, type Connection } from './device'
import css from './device.module.css'

export default function Activity() {
  return (
    <>
      <Audit />
      <Connections />
      <Identities />
    </>
  )
}

function Audit() {
  const at = useDeviceAddress()
  const { text, change } = useUrl()
  const [asked, page] = [text('q'), pageNumber(text('page'))]
  const [typed, setTyped] = useTyped(asked, (q) => change({ q, page: '' }))
  const entries = useQuery({
    queryKey: deviceKey(at, 'audit', asked, page),
    placeholderData: keepPreviousData,
    refetchInterval: EVERY,
    queryFn: ({ signal }) => {
      const query = { search: asked || undefined, 'pagination[page]': page }
      return take(api.GET(`${D}/audit_logs`, { params: { path: at, query: query as never }, signal }))
    },
  })
  return (
    <Card title="Audit log">
      <div className="stack-small">
        <div className={css.search}>
          <TextField label="Find an entry" value={typed} onChange={(e) => setTyped(e.target.value)} placeholder="A part of what was done" />
        </div>
        {entries.error && <Failure error={entries.error} again={() => void entries.refetch()} />}
        {entries.isPending && <Skeleton lines={5} />}
        {entries.data && (
          <>
            <AuditTable
              label="Audit log of the device, newest first"
              entries={entries.data.data}
              {...at}
              none={asked ? `No entry has "${asked}" in it.` : 'Nothing was done to it yet.'}
            />
            <Pager at={entries.data.pagination} onPage={(n) => change({ page: n === 1 ? '' : String(n) }, true)} />
          </>
        )}
      </div>
    </Card>
  )
}

/** Connections that are shown at first, and after each press of the button more. */
const FIRST = 10
const MOST = 1000

function Connections() {
  const { text, change } = useUrl()
  const limit = Math.min(Math.max(pageNumber(text('connections')), FIRST), MOST)
  const connections = useConnections(limit)
  const rows = connections.data ?? []
  return (
    <Card title="Connections">
      <div className="stack-small">
        {connections.error && <Failure error={connections.error} again={() => void connections.refetch()} />}
        {connections.isPending && <Skeleton />}
        {connections.data && <ConnectionTable rows={rows} />}
        {rows.length === limit && limit < MOST && (
          <div>
            <Button small onClick={() => change({ connections: String(Math.min(limit * 5, MOST)) })}>
              More connections
            </Button>
          </div>
        )}
        {limit === MOST && rows.length === MOST && <p className="small muted">The newest {count(MOST)} are shown.</p>}
      </div>
    </Card>
  )
}

function ConnectionTable({ rows }: { rows: readonly Connection[] }) {
  return (
    <Table
      label="Connections, newest first"
      rows={rows}
      rowKey={(c) => `${c.established_at} ${c.disconnected_at} ${c.address}`}
      none="It has never been connected."
      columns={[
        { name: 'Connected', names: true, cell: (c) => <Time at={c.established_at} /> },
        {
          name: 'Disconnected',
          cell: (c) => (c.disconnected_at ? <Time at={c.disconnected_at} /> : <Status tone="ok">still connected</Status>),
        },
        { name: 'Lasted', number: true, cell: lasted },
        { name: 'Ended because', cell: (c) => c.disconnected_reason ?? <span className="muted">–</span> },
        { name: 'Address', cell: (c) => <span className="mono">{c.address ?? '–'}</span> },
        {
          name: 'Network',
          cell: (c) => [c.network_interface, ...(c.connection_types ?? [])].filter(Boolean).join(', ') || <span className="muted">–</span>,
        },
        { name: 'Protocol', cell: (c) => c.device_api_version ?? <span className="muted">–</span> },
      ]}
    />
  )
}

function lasted(c: Connection): string {
  const end = c.disconnected_at ? moment(c.disconnected_at).getTime() : Date.now()
  return duration(Math.max(0, (end - moment(c.established_at).getTime()) / 1000))
}

function Identities() {
  const at = useDeviceAddress()
  const identities = useQuery({
    queryKey: deviceKey(at, 'identities'),
    queryFn: ({ signal }) => data(api.GET(`${D}/network_identities`, { params: { path: at }, signal })),
  })
  return (
    <Card title="Network identities">
      {identities.error && <Failure error={identities.error} again={() => void identities.refetch()} />}
      {identities.isPending && <Skeleton lines={2} />}
      {identities.data && (
        <Table
          label="Keys of the device on other networks"
          rows={identities.data}
          rowKey={(i) => `${i.service} ${i.instance}`}
          none="None. A device with the extension Network identities tells its keys on iroh, NetBird, Tailscale and WireGuard."
          columns={[
            { name: 'Service', names: true, cell: (i) => i.service },
            { name: 'Instance', cell: (i) => i.instance || <span className="muted">–</span> },
            {
              name: 'Key',
              cell: (i) => (
                <span className="row">
                  <span className={`mono ${css.wrap}`}>{i.identifier}</span>
                  <CopyButton text={i.identifier} label="Copy the key" />
                </span>
              ),
            },
            { name: 'Told by', cell: (i) => (i.source === 'operator' ? 'a person' : 'the device') },
            { name: 'Last told', cell: (i) => <Time at={i.last_reported_at ?? i.updated_at} /> },
          ]}
        />
      )}
    </Card>
  )
}
