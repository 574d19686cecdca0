/** What the pages of one device share: its address, what is asked of the server, and how all of it is read anew after a change. */
import { useQuery } from '@tanstack/react-query'
import type { components } from '../../api/schema'
import { api, data } from '../../api/client'
import type { Device } from '../../api/types'
import { useLiveDevice } from '../../live/live'
import { useAddress } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { connectionStatus } from '../../ui/status'

type Schemas = components['schemas']
export type Connection = Schemas['Connection']
export type DeviceFirmware = Schemas['DeviceFirmware']

/** The path of a device in the API. */
export const D = '/api/orgs/{org}/products/{product}/devices/{device}'

export type DeviceAddress = { org: string; product: string; device: string }

/** How often a page of a device is read again, in milliseconds: what the event stream does not tell. */
export const EVERY = 10_000

export function useDeviceAddress(): DeviceAddress {
  const { org = '', product = '', device = '' } = useAddress()
  return { org, product, device }
}

/** The key under which an answer about a device is kept. */
export function deviceKey(at: DeviceAddress, ...what: readonly unknown[]): readonly unknown[] {
  return ['device', at.org, at.product, at.device, ...what]
}

/** What is read anew in its own time: lines that are read must not move, and charts are large. */
const OWN_TIME: readonly unknown[] = ['logs', 'metrics']

/** Reads anew what is on the screen about a device, and the lists that show it. */
export async function refreshDevice(at: DeviceAddress): Promise<void> {
  const what = deviceKey(at).length
  await Promise.all([
    queries.invalidateQueries({ queryKey: deviceKey(at), predicate: (q) => !OWN_TIME.includes(q.queryKey[what]) }),
    queries.invalidateQueries({ queryKey: ['devices', at.org, at.product] }),
  ])
}

export function useDevice() {
  const at = useDeviceAddress()
  return useQuery({
    queryKey: deviceKey(at, 'show'),
    refetchInterval: EVERY,
    queryFn: ({ signal }) => data(api.GET(D, { params: { path: at }, signal })),
  })
}

export function useConnections(limit: number) {
  const at = useDeviceAddress()
  return useQuery({
    queryKey: deviceKey(at, 'connections', limit),
    refetchInterval: EVERY,
    queryFn: ({ signal }) => data(api.GET(`${D}/connections`, { params: { path: at, query: { limit } }, signal })),
  })
}

export function useAttempts(limit: number, before?: string) {
  const at = useDeviceAddress()
  return useQuery({
    queryKey: deviceKey(at, 'attempts', limit, before),
    refetchInterval: EVERY,
    queryFn: ({ signal }) => data(api.GET(`${D}/attempts`, { params: { path: at, query: { limit, before } }, signal })),
  })
}

/** The newest health report; none before the first one came. */
export function useHealth(limit = 1) {
  const at = useDeviceAddress()
  return useQuery({
    queryKey: deviceKey(at, 'health', limit),
    refetchInterval: EVERY,
    queryFn: ({ signal }) => data(api.GET(`${D}/health`, { params: { path: at, query: { limit } }, signal })),
  })
}

export type Extensions = Record<string, { device: boolean; product: boolean }>

export function useExtensions() {
  const at = useDeviceAddress()
  return useQuery({
    queryKey: deviceKey(at, 'extensions'),
    queryFn: async ({ signal }) => (await data(api.GET(`${D}/extensions`, { params: { path: at }, signal }))) as unknown as Extensions,
  })
}

/** Changes settings of a device. The document's type wants all fields; the server takes any of them. */
export async function changeDevice(at: DeviceAddress, changed: Record<string, unknown>): Promise<void> {
  await data(api.PUT(D, { params: { path: at }, body: changed as never }))
  await refreshDevice(at)
}

/** Whether the person may change this device, and what to say if not. */
export function useMayManage(): { may: boolean; note: string | undefined } {
  const { org } = useDeviceAddress()
  const role = useRole(org)
  const may = atLeast(role, 'manage')
  return { may, note: may ? undefined : `This takes the role manage; yours is ${role ?? 'none'}.` }
}

/** Whether the device is connected: by the newer of what the event stream and the last answer said. */
export function useConnected(
  device: Device | undefined,
  answeredAt: number,
): { online: boolean; tone: ReturnType<typeof connectionStatus>['tone']; word: string } {
  const at = useDeviceAddress()
  const live = useLiveDevice(at.org, at.product, at.device)
  const told = live && live.at > answeredAt ? live.online : undefined
  const status = connectionStatus(device?.connection_status, told)
  return { ...status, online: status.word === 'online' }
}
