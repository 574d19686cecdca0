/** Every page of the console, by its address. */
import { ORG, PRODUCT } from './server'

/** Pages that are there without any product. */
export const PERSONAL = ['/', '/register', '/account/profile', '/account/security', '/account/tokens', `/o/${ORG}`]
export const ORGANIZATION = ['general', 'members', 'keys', 'authorities', 'endpoints', 'service-accounts', 'audit'].map((p) => `/o/${ORG}/settings/${p}`)

const P = `/o/${ORG}/p/${PRODUCT}`
/** Lists and settings of a product, which are there when it has nothing in it. */
export const OF_PRODUCT = [
  'overview',
  'devices',
  'devices?map=1',
  'devices/compare',
  'groups',
  'firmware',
  'archives',
  'scripts',
  'insights',
  'notifications',
  'jobs',
  'audit',
  'settings/general',
  'settings/extensions',
  'settings/secrets',
  'settings/webhooks',
  'settings/mail',
].map((p) => `${P}/${p}`)

/** Pages of one device, group and firmware. */
export function ofThings(things: { device: string; group: string; firmware: string }): string[] {
  const device = ['summary', 'health', 'firmware', 'console', 'shell', 'scripts', 'logs', 'activity', 'settings']
  const group = ['live', 'releases', 'deltas', 'activity', 'settings', 'release']
  return [
    ...device.map((p) => `${P}/devices/${things.device}/${p}`),
    ...group.map((p) => `${P}/groups/${things.group}/${p}`),
    `${P}/devices/compare?ids=${things.device},${things.device}-unknown`,
    `${P}/firmware/${things.firmware}`,
  ]
}
