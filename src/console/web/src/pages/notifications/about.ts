/** What a notification is about. */

export type About = { kind: 'device' | 'group'; name: string }

/** Kinds whose key ends with the identifier of a device of this product. */
const OF_DEVICES = ['missing_firmware_metadata-', 'identity_used_twice-', 'certificate_refused-', 'clock_wrong-']

/**
 * Reads it from the key: a kind, a minus and the device's identifier. A stopped release is named there by a number that no page knows,
 * so its group is read from the sentence. A `duplicate_device_identifier` names a device of another product, which has no page here.
 */
export function aboutOf({ event_key: key, message }: { event_key: string; message: string }): About | null {
  const kind = OF_DEVICES.find((k) => key.startsWith(k))
  if (kind) return { kind: 'device', name: key.slice(kind.length) }
  if (!key.startsWith('rollout-stopped-')) return null
  const group = /^Release \d+ of deployment group (.+?) stopped by itself/.exec(message)?.[1]
  return group ? { kind: 'group', name: group } : null
}
