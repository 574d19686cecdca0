/** What all pages of a device share: who it is, how it is, why it is not updating, how its update goes, and what can be done with it. */
import { Link, Outlet } from '@tanstack/react-router'
import { useEffect } from 'react'
import { Problem } from '../../api/problem'
import type { Device } from '../../api/types'
import { useLiveDevice } from '../../live/live'
import { paths } from '../../paths'
import { CopyButton, Empty, Failure, Notice, Page, Skeleton, TabLinks } from '../../ui/layout'
import { buttonClass } from '../../ui/button'
import { Status } from '../../ui/status'
import { Time } from '../../ui/time'
import { Actions } from './actions'
import { refreshDevice, useConnected, useConnections, useDevice, useDeviceAddress, useMayManage, type Connection } from './device'
import { UpdateProgress } from './progress'
import { WhyLine } from './why'
import css from './device.module.css'

const TABS = [
  ['summary', 'Summary'],
  ['health', 'Health'],
  ['firmware', 'Firmware'],
  ['console', 'Console'],
  ['shell', 'Shell'],
  ['scripts', 'Scripts'],
  ['logs', 'Logs'],
  ['activity', 'Activity'],
  ['settings', 'Settings'],
] as const

/** Each device has pages of its own: what was typed or asked on those of one must not come to those of another. */
export default function DeviceLayout() {
  const { org, product, device } = useDeviceAddress()
  return <OneDevice key={JSON.stringify([org, product, device])} />
}

function OneDevice() {
  const at = useDeviceAddress()
  const device = useDevice()
  useRefreshOnEvents()
  const missing = device.error instanceof Problem && device.error.status === 404
  if (missing) return <Missing />
  const d = device.data
  return (
    <Page title={at.device} wide heading={<Heading device={d} answeredAt={device.dataUpdatedAt} />} actions={d && <Actions device={d} />}>
      {device.error && <Failure error={device.error} again={() => void device.refetch()} />}
      {device.isPending && <Skeleton lines={4} />}
      {d && (
        <>
          <Facts device={d} />
          {d.deleted ? <Deleted /> : <WhyLine />}
          <UpdateProgress device={d} />
          <TabLinks
            label={`Pages of ${at.device}`}
            tabs={TABS.map(([tab, label]) => ({ to: paths.device(at.org, at.product, at.device, tab).to, label }))}
          />
          <Outlet />
        </>
      )}
    </Page>
  )
}

/** Reads the device again when the event stream says that something about it changed. */
function useRefreshOnEvents(): void {
  const { org, product, device } = useDeviceAddress()
  const live = useLiveDevice(org, product, device)
  const said = live && [live.online, live.health, live.stage].join(' ')
  useEffect(() => {
    if (!said) return
    const timer = window.setTimeout(() => void refreshDevice({ org, product, device }), 300)
    return () => window.clearTimeout(timer)
  }, [said, org, product, device])
}

function Heading({ device, answeredAt }: { device: Device | undefined; answeredAt: number }) {
  const at = useDeviceAddress()
  const connected = useConnected(device, answeredAt)
  const newest = useConnections(1).data?.[0]
  return (
    <>
      <h1 className={css.name}>{at.device}</h1>
      <CopyButton text={at.device} label="Copy the identifier" />
      {device && (
        <span className="row" aria-live="polite">
          <Status tone={connected.tone}>{connected.word}</Status>
          <Since device={device} online={connected.online} newest={newest} />
        </span>
      )}
    </>
  )
}

function Since({ device, online, newest }: { device: Device; online: boolean; newest: Connection | undefined }) {
  const at = online ? newest?.established_at : newest?.disconnected_at
  if (at) {
    return (
      <span className="small muted">
        {online ? 'connected' : 'disconnected'} <Time at={at} />
      </span>
    )
  }
  if (device.last_communication === 'never') return null
  return (
    <span className="small muted">
      last heard of <Time at={device.last_communication} />
    </span>
  )
}

/** The version that runs and the one that the group brings, with the group. */
function Facts({ device }: { device: Device }) {
  const { org, product } = useDeviceAddress()
  const { note } = useMayManage()
  const runs = device.firmware_metadata
  const group = device.deployment_group
  const brings = group?.firmware_uuid !== runs?.uuid ? group?.firmware_uuid : undefined
  return (
    <div className={css.facts}>
      <span>
        {runs ? (
          <>
            runs{' '}
            <Link {...paths.firmware(org, product, runs.uuid)} className="mono">
              {runs.version}
            </Link>
          </>
        ) : (
          <span className="muted">never told what it runs</span>
        )}
        {brings && (
          <>
            {' '}
            <span aria-hidden>→</span>
            <span className="hidden-text">and its group brings</span>{' '}
            <Link {...paths.firmware(org, product, brings)} className="mono">
              {group?.firmware_version}
            </Link>
          </>
        )}
      </span>
      {runs && <span className="muted">{[runs.platform, runs.architecture].filter(Boolean).join(', ')}</span>}
      <span>
        {group ? (
          <>
            group <Link {...paths.group(org, product, group.name)}>{group.name}</Link>
          </>
        ) : (
          <span className="muted">in no deployment group</span>
        )}
      </span>
      {!device.updates_enabled && <Status tone="paused">updates off</Status>}
      {note && <span className="small muted">Changes here take the role manage.</span>}
    </div>
  )
}

function Deleted() {
  return (
    <Notice kind="warn">
      This device is deleted: it is not updated and cannot connect. Restore it to use it again, or destroy it to free its identifier.
    </Notice>
  )
}

function Missing() {
  const { org, product, device } = useDeviceAddress()
  return (
    <Page title={device}>
      <Empty title="No such device">
        <p>
          This product has no device <code>{device}</code>. It may be in another product, or its identifier is written in another way.
        </p>
        <Link className={buttonClass} {...paths.product(org, product, 'devices', { q: device })}>
          Look for it among the devices
        </Link>
      </Empty>
    </Page>
  )
}
