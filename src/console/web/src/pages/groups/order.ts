/** How the list of groups is narrowed and ordered. */
import type { Group } from '../../api/types'

export type Order = 'name' | 'newest' | 'devices' | 'version' | 'platform' | 'active'

export const ORDERS: readonly { value: Order; label: string }[] = [
  { value: 'name', label: 'by name' },
  { value: 'newest', label: 'newest release first' },
  { value: 'devices', label: 'most devices first' },
  { value: 'version', label: 'highest version first' },
  { value: 'platform', label: 'by platform' },
  { value: 'active', label: 'active first' },
]

/** Whether a group has every word of a text in its name, release or tags. */
export function matches(group: Group, text: string): boolean {
  const firmware = group.current_release?.firmware
  const whole = [group.name, firmware?.platform, firmware?.version, group.notes, ...group.conditions.tags].join(' ').toLowerCase()
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => whole.includes(word))
}

const byText = new Intl.Collator('en', { numeric: true })

function compare(order: Order, a: Group, b: Group): number {
  const [x, y] = [a.current_release, b.current_release]
  switch (order) {
    case 'newest':
      return byText.compare(y?.inserted_at ?? '', x?.inserted_at ?? '')
    case 'devices':
      return (b.device_count ?? 0) - (a.device_count ?? 0)
    case 'version':
      return byText.compare(y?.firmware.version ?? '', x?.firmware.version ?? '')
    case 'platform':
      return byText.compare(x?.firmware.platform ?? '', y?.firmware.platform ?? '')
    case 'active':
      return Number(b.is_active) - Number(a.is_active)
    case 'name':
      return 0
  }
}

export function ordered(groups: readonly Group[], order: Order): Group[] {
  return [...groups].sort((a, b) => compare(order, a, b) || byText.compare(a.name, b.name))
}
