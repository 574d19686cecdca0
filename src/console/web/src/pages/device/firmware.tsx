/** What a device runs and ran, and everything that was tried to change that. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data } from '../../api/client'
import type { Device } from '../../api/types'
import { paths } from '../../paths'
import { Button } from '../../ui/button'
import { Card, CopyButton, Facts, Failure, Skeleton, Tile, tilesClass } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { bytes, count, percent } from '../../ui/text'
import { Time } from '../../ui/time'
import { Questions } from './actions'
import { AttemptTable } from './attempts'
import { useUrl } from '../../address/url'
import { D, EVERY, deviceKey, useAttempts, useDevice, useDeviceAddress, useMayManage, type DeviceFirmware } from './device'

/** Attempts on a page. */
const PAGE = 25
/** Images of the history that are shown. */
const IMAGES = 100

export default function DeviceFirmwarePage() {
  const at = useDeviceAddress()
  const device = useDevice()
  const ran = useQuery({
    queryKey: deviceKey(at, 'firmwares'),
    refetchInterval: EVERY,
    queryFn: ({ signal }) => data(api.GET(`${D}/firmwares`, { params: { path: at, query: { limit: IMAGES } }, signal })),
  })
  if (ran.error) return <Failure error={ran.error} again={() => void ran.refetch()} />
  if (!ran.data || !device.data) return <Skeleton lines={6} />
  return (
    <>
      <Now device={device.data} newest={ran.data[0]} />
      <Sent />
      <Attempts />
      <Ran images={ran.data} />
    </>
  )
}

function Validation({ image }: { image: DeviceFirmware | undefined }) {
  if (image?.validation_status === 'validated') return <Status tone="ok">validated</Status>
  if (image?.validation_status === 'not_validated') return <Status tone="warn">not validated yet</Status>
  return <Status tone="off">unknown</Status>
}

function Now({ device, newest }: { device: Device; newest: DeviceFirmware | undefined }) {
  const { org, product } = useDeviceAddress()
  const { may, note } = useMayManage()
  const [sending, setSending] = useState(false)
  const runs = device.firmware_metadata
  const group = device.deployment_group
  const current = newest && newest.uuid === runs?.uuid ? newest : undefined
  return (
    <Card
      title="Runs now"
      actions={
        <Button disabled={!may || device.deleted} title={note} onClick={() => setSending(true)}>
          Send a firmware…
        </Button>
      }
    >
      {!runs && <p className="muted">The device never told what it runs. It does so when it connects.</p>}
      {runs && (
        <Facts
          rows={[
            [
              'Version',
              <Link key="v" className="mono" {...paths.firmware(org, product, runs.uuid)}>
                {runs.version}
              </Link>,
            ],
            ['Since', current && <Time at={current.inserted_at} />],
            ['Validation', <Validation key="c" image={current} />],
            ['Fell back to it', current && (current.auto_revert_detected ? <Status tone="warn">yes: a newer firmware did not start</Status> : 'no')],
            ['Platform', [runs.platform, runs.architecture].filter(Boolean).join(', ')],
            [
              'UUID',
              <span key="u">
                <span className="mono">{runs.uuid}</span> <CopyButton text={runs.uuid} label="Copy the uuid" />
              </span>,
            ],
            [
              'Its group brings',
              group?.firmware_uuid ? (
                <span>
                  <Link className="mono" {...paths.firmware(org, product, group.firmware_uuid)}>
                    {group.firmware_version}
                  </Link>
                  {group.firmware_uuid === runs.uuid ? ', which it runs' : ''}
                </span>
              ) : (
                <span className="muted">it is in no group with a release</span>
              ),
            ],
          ]}
        />
      )}
      <Questions device={device} open={sending ? 'send' : null} onClose={() => setSending(false)} />
    </Card>
  )
}

function Sent() {
  const at = useDeviceAddress()
  const updates = useQuery({
    queryKey: deviceKey(at, 'updates'),
    refetchInterval: EVERY,
    queryFn: ({ signal }) => data(api.GET(`${D}/updates`, { params: { path: at, query: { limit: 1 } }, signal })),
  })
  if (updates.error) return <Failure error={updates.error} again={() => void updates.refetch()} />
  const u = updates.data
  if (!u) return null
  const whole = u.total_update_bytes + u.saved_bytes
  return (
    <div className={tilesClass}>
      <Tile value={count(u.num_updates)} label="updates installed" />
      <Tile value={bytes(u.total_update_bytes)} label="sent for them" />
      <Tile
        value={bytes(u.saved_bytes)}
        label="saved by deltas"
        note={u.saved_bytes > 0 ? `${percent(u.saved_bytes, whole)} of the full files` : 'no delta was sent'}
      />
    </div>
  )
}

function Attempts() {
  const { text, change } = useUrl()
  const before = text('before')
  const attempts = useAttempts(PAGE, before || undefined)
  const rows = attempts.data ?? []
  const last = rows.at(-1)
  return (
    <Card title="Attempts to update it">
      {attempts.error && <Failure error={attempts.error} again={() => void attempts.refetch()} />}
      {attempts.isPending && <Skeleton />}
      {attempts.data && (
        <div className="stack-small">
          <AttemptTable attempts={rows} />
          {(before || rows.length === PAGE) && (
            <nav className="row" aria-label="Pages of attempts">
              <Button small disabled={!before} onClick={() => change({ before: '' })}>
                Newest
              </Button>
              <Button small disabled={rows.length < PAGE} onClick={() => last && change({ before: last.at }, true)}>
                Older
              </Button>
            </nav>
          )}
        </div>
      )}
    </Card>
  )
}

function Ran({ images }: { images: readonly DeviceFirmware[] }) {
  const { org, product } = useDeviceAddress()
  return (
    <Card title="What it ran">
      <Table
        label="Firmware that it ran, newest first"
        rows={images}
        rowKey={(f) => `${f.inserted_at} ${f.uuid}`}
        none="It has not told what it runs."
        columns={[
          { name: 'Since', names: true, cell: (f) => <Time at={f.inserted_at} /> },
          {
            name: 'Version',
            cell: (f) => (
              <Link className="mono" {...paths.firmware(org, product, f.uuid)}>
                {f.version ?? f.uuid.slice(0, 8)}
              </Link>
            ),
          },
          { name: 'Platform', cell: (f) => [f.platform, f.architecture].filter(Boolean).join(', ') },
          { name: 'Validation', cell: (f) => <Validation image={f} /> },
          { name: 'Fell back to it', cell: (f) => (f.auto_revert_detected ? <Status tone="warn">yes</Status> : 'no') },
        ]}
      />
      {images.length === IMAGES && <p className="small muted">The newest {count(IMAGES)} are shown.</p>}
    </Card>
  )
}
