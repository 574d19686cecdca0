/** Attempts to update a device: when, from what to what, how far each came and why it ended. */
import { Link } from '@tanstack/react-router'
import type { Attempt } from '../../api/types'
import { paths } from '../../paths'
import { Status } from '../../ui/status'
import { Table, type Column } from '../../ui/table'
import { bytes, duration } from '../../ui/text'
import { Time } from '../../ui/time'
import { useDeviceAddress } from './device'
import { outcomeTone, outcomeWord } from './stages'

function Version({ firmware }: { firmware: { uuid: string; version?: string | null } }) {
  const { org, product } = useDeviceAddress()
  return (
    <Link {...paths.firmware(org, product, firmware.uuid)} className="mono">
      {firmware.version ?? firmware.uuid.slice(0, 8)}
    </Link>
  )
}

function Group({ attempt }: { attempt: Attempt }) {
  const { org, product } = useDeviceAddress()
  if (!attempt.deployment) return <span className="muted">by hand</span>
  return (
    <>
      <Link {...paths.group(org, product, attempt.deployment)}>{attempt.deployment}</Link>
      {attempt.release !== null && attempt.release !== undefined && <span className="muted"> release {attempt.release}</span>}
    </>
  )
}

const COLUMNS: readonly Column<Attempt>[] = [
  { name: 'Offered', names: true, cell: (a) => <Time at={a.at} /> },
  {
    name: 'From and to',
    cell: (a) => (
      <>
        <Version firmware={a.from} /> → <Version firmware={a.to} />
      </>
    ),
  },
  { name: 'Outcome', cell: (a) => <Status tone={outcomeTone(a.outcome)}>{outcomeWord(a.outcome)}</Status> },
  { name: 'Reason', cell: (a) => a.reason ?? <span className="muted">–</span> },
  { name: 'Came to', cell: (a) => (a.outcome === 'installed' ? (a.validated_at ? 'validated' : 'not validated') : a.stage) },
  { name: 'File', cell: (a) => `${a.kind === 'delta' ? 'delta' : 'full'}, ${bytes(a.bytes)}` },
  {
    name: 'Took',
    number: true,
    cell: (a) => (a.seconds === null || a.seconds === undefined ? '–' : a.seconds < 1 ? 'under 1 s' : duration(a.seconds)),
  },
  { name: 'Group', cell: (a) => <Group attempt={a} /> },
]

export function AttemptTable({ attempts, short }: { attempts: readonly Attempt[]; short?: boolean }) {
  const columns = short ? COLUMNS.filter((c) => ['Offered', 'From and to', 'Outcome', 'Reason'].includes(c.name)) : COLUMNS
  return (
    <Table
      label="Attempts, newest first"
      rows={attempts}
      rowKey={(a) => `${a.at} ${a.to.uuid}`}
      columns={columns}
      none="It was never offered an update."
    />
  )
}
