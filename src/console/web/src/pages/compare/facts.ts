/** What is compared of devices: their facts in words, by section, and where they differ. */
import type { Device, HealthReport } from '../../api/types'
import type { Connection, Extensions } from '../device/device'
import { NAMES } from '../device/extension-names'
import { alarmsOf, partsOf, text } from '../device/report-parts'
import { metricText, nameOf } from '../device/metrics'
import { moment } from '../../ui/text'

/** What is known of one device; parts that could not be read are left out. */
export type Known = { device: Device; health?: HealthReport | undefined; connection?: Connection | undefined; extensions?: Extensions | undefined }

export type Fact = {
  name: string
  /** A value a device, in their order; null where it has none. */
  values: readonly (string | null)[]
  differs: boolean
  /** Which values are unlike those of most devices. */
  odd: readonly boolean[]
}
export type Section = { title: string; facts: readonly Fact[] }

/** Metrics of two devices are never the same: they differ when the furthest are apart by more than this share of the larger one. */
const APART = 0.1

export function sectionsOf(all: readonly Known[], now: number): Section[] {
  const section = (title: string, facts: (known: Known) => [string, string | null][], apart?: boolean): Section => ({
    title,
    facts: factsOf(all.map(facts), apart ? all.map((k) => numbersOf(k.health)) : undefined),
  })
  return [
    section('About it', aboutOf),
    section('Connection', connectionOf),
    section('Firmware', firmwareOf),
    section('Updates', (k) => updatesOf(k.device, now)),
    section('Extensions', (k) => extensionsOf(k.extensions)),
    section('Health', healthOf),
    section('Metrics of the newest report', (k) => metricsOf(k.health), true),
    section('Metadata of the newest report', (k) => (k.health ? partsOf(k.health.report).metadata.map(([key, v]) => [key, text(v)]) : [])),
  ].filter((s) => s.facts.length > 0)
}

const words = (all: readonly string[] | null | undefined) => (all?.length ? [...all].sort().join(', ') : null)

function aboutOf({ device: d }: Known): [string, string | null][] {
  return [
    ['Description', d.description || null],
    ['Tags', words(d.tags)],
    ['Time zone', d.time_zone ?? null],
  ]
}

const STATES: Record<string, string> = { connected: 'online', connecting: 'connecting', disconnected: 'offline', not_seen: 'never seen' }

function connectionOf({ device: d, connection: c }: Known): [string, string | null][] {
  return [
    ['Now', STATES[d.connection_status] ?? d.connection_status],
    ['Address', c?.address ?? null],
    ['Interface', c?.network_interface ?? null],
    ['Kinds of networks', words(c?.connection_types)],
    ['Version of the protocol', c?.device_api_version ?? null],
    ['Ended because', c?.disconnected_reason ?? null],
  ]
}

function firmwareOf({ device: d }: Known): [string, string | null][] {
  const m = d.firmware_metadata
  return [
    ['Version', m?.version ?? null],
    ['Image', m?.uuid ?? null],
    ['Platform', m?.platform ?? null],
    ['Architecture', m?.architecture ?? null],
    ['Product', m?.product ?? null],
    ['Author', m?.author || null],
    ['Description', m?.description || null],
    ['Commit', m?.vcs_identifier || null],
    ['Misc', m?.misc || null],
    ['fwup', m?.fwup_version ?? null],
  ]
}

function updatesOf(d: Device, now: number): [string, string | null][] {
  const rests = d.updates_blocked_until !== null && moment(d.updates_blocked_until).getTime() > now
  return [
    ['Deployment group', d.deployment_group?.name ?? null],
    ['Updates', d.updates_enabled ? 'automatic' : 'off'],
    ['Penalty box', rests ? 'in it' : null],
    ['Deleted', d.deleted ? 'yes' : null],
  ]
}

function extensionsOf(all: Extensions | undefined): [string, string | null][] {
  const state = (e: { device: boolean; product: boolean }) => (e.device && e.product ? 'on' : e.product ? 'off' : 'off for the product')
  return Object.entries(all ?? {}).map(([name, e]) => [NAMES[name] ?? name, state(e)])
}

function healthOf({ health }: Known): [string, string | null][] {
  if (!health) return [['Status', null]]
  return [
    ['Status', health.status],
    ['Alarms', words(alarmsOf(health).map(([name]) => name))],
    ...partsOf(health.report).checks.map(([key, value]): [string, string] => [`Check ${key}`, text(value)]),
  ]
}

function metricsOf(health: HealthReport | undefined): [string, string | null][] {
  return health ? partsOf(health.report).metrics.map(([key, value]) => [nameOf(key), metricText(key, value)]) : []
}

function numbersOf(health: HealthReport | undefined): Map<string, number> {
  const metrics = health ? partsOf(health.report).metrics : []
  return new Map(metrics.filter(([, v]) => v !== null && v !== '' && Number.isFinite(Number(v))).map(([key, v]) => [nameOf(key), Number(v)]))
}

/** The facts of all devices by name, in the order in which they are met first. Those that no device has are left out. */
function factsOf(all: readonly [string, string | null][][], numbers?: readonly Map<string, number>[]): Fact[] {
  const devices = all.map((facts) => new Map(facts))
  const names = [...new Set(all.flatMap((facts) => facts.map(([name]) => name)))]
  return names
    .map((name) => {
      const values = devices.map((d) => d.get(name) ?? null)
      return { name, values, ...difference(values, numbers?.map((n) => n.get(name))) }
    })
    .filter((fact) => fact.values.some((v) => v !== null))
}

export function difference(values: readonly (string | null)[], numbers?: readonly (number | undefined)[]): Pick<Fact, 'differs' | 'odd'> {
  const none = { differs: false, odd: values.map(() => false) }
  const measured = numbers?.filter((n) => n !== undefined) ?? []
  if (measured.length === values.length && values.length > 0) {
    const [least, most] = [Math.min(...measured), Math.max(...measured)]
    if (most - least <= APART * Math.max(Math.abs(least), Math.abs(most))) return none
    // Numbers have no usual value that others are unlike.
    return { ...none, differs: true }
  }
  const counts = new Map<string | null, number>()
  for (const v of values) counts.set(v, (counts.get(v) ?? 0) + 1)
  if (counts.size < 2) return none
  const usual = [...counts].find(([, n]) => n * 2 > values.length)
  return { differs: true, odd: values.map((v) => usual !== undefined && v !== usual[0]) }
}
