/** Pins of the person who looks: devices that the query `pinned = true` finds. */
import { useQuery } from '@tanstack/react-query'
import { api, data, take } from '../../api/client'
import { queries } from '../../session/session'
import { counted } from '../../ui/text'
import { attempt, toast } from '../../ui/toast'
import { D, refreshDevice } from './device'

const KEY = ['pins']
/** How many devices are pinned at once: a pin is for what somebody wants to find again, and each is a request. */
const AT_ONCE = 20

export function usePins() {
  return useQuery({ queryKey: KEY, staleTime: 60_000, queryFn: () => data(api.GET('/api/users/me/pins')) })
}

type Product = { org: string; product: string }

async function setPins({ org, product }: Product, devices: readonly string[], on: boolean): Promise<void> {
  for (const device of devices) {
    const at = { org, product, device }
    await take(on ? api.PUT(`${D}/pin`, { params: { path: at } }) : api.DELETE(`${D}/pin`, { params: { path: at } }))
    await refreshDevice(at)
  }
  await queries.invalidateQueries({ queryKey: KEY })
}

/** Pins devices; with all of them pinned already takes their pins off. */
export function togglePins(at: Product, devices: readonly string[], pins: ReturnType<typeof usePins>['data']): void {
  if (!pins || devices.length === 0) return
  if (devices.length > AT_ONCE) return toast(`At most ${AT_ONCE} devices are pinned at once; ${devices.length} are selected.`)
  const isPinned = (device: string) => pins.some((p) => p.org === at.org && p.product === at.product && p.device === device)
  const on = !devices.every(isPinned)
  const changed = devices.filter((device) => isPinned(device) !== on)
  const [first = ''] = changed
  const those = changed.length === 1 ? `${first} is` : `${counted(changed.length, 'device')} are`
  void attempt(
    on ? `${those} pinned.` : `${those} not pinned any more.`,
    () => setPins(at, changed, on),
    () => setPins(at, changed, !on),
  )
}
