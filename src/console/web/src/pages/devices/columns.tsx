/** The columns that the device list may show. */
import { Link } from '@tanstack/react-router'
import type { LiveProduct } from '../../live/live'
import { paths } from '../../paths'
import type { VirtualColumn } from '../../table/virtual-table'
import { Status, connectionStatus, healthStatus } from '../../ui/status'
import { moment } from '../../ui/text'
import { Time } from '../../ui/time'
import type { ListedDevice } from './list'

export const DEFAULT_COLUMNS = ['identifier', 'connection', 'version', 'update', 'health', 'group', 'tags', 'seen']

export function deviceColumns(org: string, product: string, live: LiveProduct): VirtualColumn<ListedDevice>[] {
  return [
    {
      id: 'identifier',
      name: 'Identifier',
      width: 'minmax(180px, 1.4fr)',
      sort: 'identifier',
      cell: (d) => (
        <Link {...paths.device(org, product, d.identifier)} className="mono" tabIndex={-1}>
          {d.identifier}
        </Link>
      ),
    },
    {
      id: 'connection',
      name: 'Connection',
      width: '124px',
      sort: 'connection_last_seen_at',
      cell: (d) => {
        const status = connectionStatus(d.connection_status, live.devices.get(d.identifier)?.online)
        return <Status tone={status.tone}>{status.word}</Status>
      },
    },
    { id: 'version', name: 'Version', width: '120px', cell: (d) => <span className="mono">{d.version === 'unknown' ? '–' : d.version}</span> },
    { id: 'platform', name: 'Platform', width: '120px', cell: (d) => d.firmware_metadata?.platform ?? '–' },
    { id: 'update', name: 'Update', width: '170px', cell: (d) => <Update device={d} live={live} /> },
    {
      id: 'health',
      name: 'Health',
      width: '120px',
      cell: (d) => {
        const status = healthStatus(live.devices.get(d.identifier)?.health ?? d.health)
        return <Status tone={status.tone}>{status.word}</Status>
      },
    },
    {
      id: 'group',
      name: 'Group',
      width: 'minmax(110px, 0.8fr)',
      cell: (d) =>
        d.deployment_group ? (
          <Link {...paths.group(org, product, d.deployment_group.name)} tabIndex={-1}>
            {d.deployment_group.name}
          </Link>
        ) : (
          <span className="muted">none</span>
        ),
    },
    { id: 'tags', name: 'Tags', width: 'minmax(120px, 1fr)', sort: 'tags', cell: (d) => (d.tags ?? []).join(', ') || <span className="muted">–</span> },
    { id: 'description', name: 'Description', width: 'minmax(140px, 1fr)', sort: 'description', cell: (d) => d.description ?? <span className="muted">–</span> },
    { id: 'seen', name: 'Last seen', width: '120px', sort: 'connection_last_seen_at', cell: (d) => <Seen device={d} live={live} /> },
  ]
}

/** A device that is connected is there now, however long ago it said something. */
function Seen({ device, live }: { device: ListedDevice; live: LiveProduct }) {
  const told = live.devices.get(device.identifier)
  const at = told ? new Date(told.at).toISOString() : device.last_communication
  if (at === 'never') return <span className="muted">never</span>
  return <Time at={at} word={connectionStatus(device.connection_status, told?.online).word === 'online' ? 'now' : undefined} />
}

/** The stage of an update while it goes on; a device that rests or has its updates off says so. */
function Update({ device, live }: { device: ListedDevice; live: LiveProduct }) {
  const told = live.devices.get(device.identifier)
  const stage = told?.stage ?? device.update?.stage
  if (stage && !['installed', 'completed'].includes(stage)) {
    if (stage === 'failed') return <Status tone="bad">failed</Status>
    const percent = told?.stage ? told.percent : device.update?.percent
    return <Status tone="running">{percent === null || percent === undefined ? stage : `${stage} ${percent} %`}</Status>
  }
  if (device.updates_blocked_until && moment(device.updates_blocked_until).getTime() > Date.now()) {
    return <Status tone="warn">penalty box</Status>
  }
  if (!device.updates_enabled) return <Status tone="paused">updates off</Status>
  if (stage) return <Status tone="ok">{stage}</Status>
  return <span className="muted">–</span>
}
