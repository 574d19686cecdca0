/** Pins a device for the person who looks; the query `pinned = true` finds what is pinned. */
import { useQuery } from '@tanstack/react-query'
import { Pin, PinOff } from 'lucide-react'
import { api, data, take } from '../../api/client'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { attempt } from '../../ui/toast'
import { D, refreshDevice, useDeviceAddress, type DeviceAddress } from './device'

const KEY = ['pins']

async function setPin(at: DeviceAddress, on: boolean): Promise<void> {
  await take(on ? api.PUT(`${D}/pin`, { params: { path: at } }) : api.DELETE(`${D}/pin`, { params: { path: at } }))
  await Promise.all([queries.invalidateQueries({ queryKey: KEY }), refreshDevice(at)])
}

export function PinButton() {
  const at = useDeviceAddress()
  const pins = useQuery({ queryKey: KEY, staleTime: 60_000, queryFn: () => data(api.GET('/api/users/me/pins')) })
  const pinned = pins.data?.some((p) => p.org === at.org && p.product === at.product && p.device === at.device) ?? false
  const toggle = () =>
    attempt(
      pinned ? `${at.device} is not pinned any more.` : `${at.device} is pinned.`,
      () => setPin(at, !pinned),
      () => setPin(at, pinned),
    )
  return (
    <Button onClick={() => void toggle()} aria-pressed={pinned} disabled={!pins.data}>
      {pinned ? <PinOff size={15} aria-hidden /> : <Pin size={15} aria-hidden />} {pinned ? 'Unpin' : 'Pin'}
    </Button>
  )
}
