/** The settings of a group by what they are about; each is a field of the API with one sentence. */
import { moment } from '../../ui/text'
import { wordsOf } from './conditions'
import type { Settings } from './group-api'

type FieldKind = 'number' | 'flag' | 'text' | 'long' | 'mono' | 'code' | 'words' | 'time' | 'order' | 'interfaces'
type FieldName = Exclude<keyof Settings, 'workflow' | 'maintenance_window' | 'health_limits'> | 'notes' | 'name' | 'delta_updatable'
export type Field = { name: FieldName; kind: FieldKind; label: string; hint: string }
export type Section = { id: string; title: string; text: string; fields: readonly Field[] }

const field = (name: FieldName, kind: FieldKind, label: string, hint: string): Field => ({ name, kind, label, hint })

export const WHAT: Section = {
  id: 'what',
  title: 'What it is',
  text: 'How people and devices know the group.',
  fields: [
    field('name', 'text', 'Name', 'It is part of the addresses of the group, which change with it.'),
    field('delta_updatable', 'flag', 'Devices may get deltas', 'Switched off, each device gets the whole file.'),
    field('notes', 'long', 'Notes', 'Free text, at most 1,000 characters.'),
    field('connecting_code', 'code', 'Code when a device connects', 'Elixir that each device of the group runs at its join.'),
  ],
}

export const ONLY: Section = {
  id: 'only',
  title: 'Which of its devices are updated',
  text: 'Devices that do not fit stay in the group and are not updated.',
  fields: [
    field('release_tags', 'words', 'Only devices with all of these tags', 'With commas between them; empty for all.'),
    field('release_network_interfaces', 'interfaces', 'Only devices that speak over', 'None chosen takes all.'),
    field('lock_device_membership', 'flag', 'Lock membership', 'No device enters or leaves by the conditions; people still adopt and expel.'),
  ],
}

export const SPEED: Section = {
  id: 'speed',
  title: 'How fast',
  text: 'How many devices are updated at once, and who is first.',
  fields: [
    field('concurrent_updates', 'number', 'Updates at once', 'At least 1. Steps of a workflow may have a number of their own.'),
    field('bytes_per_second', 'number', 'Bytes a second', 'What the group sends on average at most; empty for no limit.'),
    field('queue_management', 'order', 'Who is first', 'In what order waiting devices get a slot.'),
    field('priority_queue_enabled', 'flag', 'Old versions go first', 'Devices at or below a version have slots of their own beside the others.'),
    field('priority_queue_firmware_version_threshold', 'mono', 'Old is this version and below', 'Such as 1.4.0.'),
    field('priority_queue_concurrent_updates', 'number', 'Slots for old versions', 'At least 1.'),
  ],
}

export const WHEN: Section = {
  id: 'when',
  title: 'When',
  text: 'Nobody is told before the start and after the end; devices that were told finish.',
  fields: [
    field('starts_at', 'time', 'Starts', 'In your time zone; empty for at once.'),
    field('ends_at', 'time', 'Ends', 'In your time zone; empty for never.'),
  ],
}

export const SAFETY: Section = {
  id: 'safety',
  title: 'When a release goes wrong',
  text: 'What stops a release by itself, and what happens then.',
  fields: [
    field(
      'stop_when_worse',
      'flag',
      'Stop when its devices are worse off than the others',
      'Compared once a minute, and at once when failures grow.',
    ),
    field('automatic_rollback', 'flag', 'Roll back by itself', 'A release that stops by itself is taken back by a new one.'),
    field(
      'minimum_version',
      'mono',
      'Lowest version',
      'No release below it is made or offered, and nothing is rolled back below it; empty for none.',
    ),
    field(
      'failure_threshold',
      'number',
      'Failure threshold',
      'Kept for NervesHub’s tools; it has no effect. Use a failure tolerance in the workflow.',
    ),
  ],
}

export const PENALTY: Section = {
  id: 'penalty',
  title: 'When a device fails',
  text: 'A device that tried too often rests in the penalty box, so that it does not use up slots.',
  fields: [
    field('device_failure_threshold', 'number', 'Attempts of a release', 'After so many a device rests; at least 1.'),
    field('device_failure_rate_amount', 'number', 'Attempts in a while', 'So many within the time beside it; at least 1.'),
    field('device_failure_rate_seconds', 'number', 'That while, in seconds', 'At least 60.'),
    field('penalty_timeout_minutes', 'number', 'How long it rests, in minutes', 'At least 60; 1,440 is a day.'),
  ],
}

/** A time as `datetime-local` has it, in the viewer's zone. */
function localTime(at: string | null | undefined): string {
  if (!at) return ''
  const then = moment(at)
  if (Number.isNaN(then.getTime())) return ''
  return new Date(then.getTime() - then.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** What is typed into a field for a value of the API. */
export function typed(kind: FieldKind, value: unknown): string | boolean {
  if (kind === 'flag') return value === true
  if (kind === 'time') return localTime(value as string | null)
  if (Array.isArray(value)) return value.join(', ')
  return value === null || value === undefined ? '' : String(value)
}

/** What the API is sent for what was typed; empty resets a field to none. */
export function written(kind: FieldKind, value: string | boolean): unknown {
  if (typeof value === 'boolean') return value
  const text = kind === 'code' ? value : value.trim()
  if (kind === 'words' || kind === 'interfaces') return wordsOf(text)
  if (text === '') return null
  if (kind === 'number') return /^-?\d+$/.test(text) ? Number(text) : text
  if (kind === 'time') return new Date(text).toISOString()
  return text
}
