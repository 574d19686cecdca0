/** One device at a glance: who it is, what it runs, how it is connected, how it feels, and what was tried last. */
import { Link } from '@tanstack/react-router'
import type { Device } from '../../api/types'
import { paths } from '../../paths'
import { Card, CopyButton, Facts, Failure, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { duration, moment } from '../../ui/text'
import { Time } from '../../ui/time'
import { AttemptTable } from './attempts'
import { useAttempts, useConnected, useConnections, useDevice, useDeviceAddress } from './device'
import { ExtensionsCard } from './extensions'
import { About } from './summary-about'
import { HealthInShort } from './summary-health'
import { Position } from './summary-position'
import css from './device.module.css'

export default function Summary() {
  const device = useDevice()
  if (!device.data) return <Skeleton lines={6} />
  return (
    <>
      <div className={css.cards}>
        <div className={css.column}>
          <About device={device.data} />
          <HealthInShort />
        </div>
        <div className={css.column}>
          <ConnectionCard device={device.data} answeredAt={device.dataUpdatedAt} />
          <Position />
        </div>
        <div className={css.column}>
          <Runs device={device.data} />
          <ExtensionsCard />
        </div>
      </div>
      <Newest />
    </>
  )
}

function ConnectionCard({ device, answeredAt }: { device: Device; answeredAt: number }) {
  const at = useDeviceAddress()
  const connected = useConnected(device, answeredAt)
  const connections = useConnections(1)
  const newest = connections.data?.[0]
  const lasted = newest?.disconnected_at ? (moment(newest.disconnected_at).getTime() - moment(newest.established_at).getTime()) / 1000 : null
  return (
    <Card
      title="Connection"
      actions={
        <Link className="small" {...paths.device(at.org, at.product, at.device, 'activity')}>
          all connections
        </Link>
      }
    >
      {connections.error && <Failure error={connections.error} again={() => void connections.refetch()} />}
      <Facts
        rows={[
          [
            'Now',
            <Status key="s" tone={connected.tone}>
              {connected.word}
            </Status>,
          ],
          ['Connected', newest && <Time at={newest.established_at} />],
          ...(newest?.disconnected_at
            ? ([
                [
                  'Disconnected',
                  <span key="e">
                    <Time at={newest.disconnected_at} />
                    {lasted !== null && `, after ${duration(lasted)}`}
                  </span>,
                ],
                ['Because', newest.disconnected_reason],
              ] as const)
            : []),
          ['Last heard of', device.last_communication === 'never' ? 'never' : <Time at={device.last_communication} />],
          ['Address', newest?.address && <span className="mono">{newest.address}</span>],
          ['Network', [newest?.network_interface, ...(newest?.connection_types ?? [])].filter(Boolean).join(', ')],
          ['Speaks', newest?.device_api_version && `protocol ${newest.device_api_version}`],
        ]}
      />
    </Card>
  )
}

function Runs({ device }: { device: Device }) {
  const { org, product } = useDeviceAddress()
  const runs = device.firmware_metadata
  return (
    <Card title="Runs">
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
            ['Platform', [runs.platform, runs.architecture].filter(Boolean).join(', ')],
            [
              'UUID',
              <span key="u">
                <span className="mono small">{runs.uuid}</span> <CopyButton text={runs.uuid} label="Copy the uuid" />
              </span>,
            ],
            ['Author', runs.author],
            ['Version control', runs.vcs_identifier],
            ['fwup', runs.fwup_version],
          ]}
        />
      )}
    </Card>
  )
}

function Newest() {
  const at = useDeviceAddress()
  const attempts = useAttempts(5)
  return (
    <Card
      title="Newest attempts to update it"
      actions={
        <Link className="small" {...paths.device(at.org, at.product, at.device, 'firmware')}>
          all of them
        </Link>
      }
    >
      {attempts.error && <Failure error={attempts.error} again={() => void attempts.refetch()} />}
      {attempts.isPending && <Skeleton />}
      {attempts.data && <AttemptTable attempts={attempts.data} short />}
    </Card>
  )
}
