/** Puts the failures of several groups together, by what they have in common. */
import type { components } from '../../api/schema'

export type Failed = { value: string; count: number; devices: string[]; groups: string[]; first: string; last: string }
type OfGroup = { group: string; failures: readonly components['schemas']['FailureView'][] }

/** As many devices are named as the API names for one group. */
const NAMED = 5

/** Most devices first. Times are all in one form, so that they compare as texts. */
export function merged(all: readonly OfGroup[]): Failed[] {
  const found = new Map<string, Failed>()
  for (const { group, failures } of all) {
    for (const { value, count, devices, first, last } of failures) {
      const before = found.get(value)
      if (!before) {
        found.set(value, { value, count, devices: devices.slice(0, NAMED), groups: [group], first, last })
        continue
      }
      before.count += count
      before.devices = [...before.devices, ...devices].slice(0, NAMED)
      before.groups.push(group)
      if (first < before.first) before.first = first
      if (last > before.last) before.last = last
    }
  }
  return [...found.values()].toSorted((a, b) => b.count - a.count || a.value.localeCompare(b.value))
}
