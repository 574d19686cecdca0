/** Pins a device for the person who looks; the query `pinned = true` finds what is pinned. */
import { Pin, PinOff } from 'lucide-react'
import { useKey } from '../../shell/keys'
import { Button } from '../../ui/button'
import { useDeviceAddress } from './device'
import { togglePins, usePins } from './pins'

export function PinButton() {
  const at = useDeviceAddress()
  const pins = usePins()
  const pinned = pins.data?.some((p) => p.org === at.org && p.product === at.product && p.device === at.device) ?? false
  const toggle = () => togglePins(at, [at.device], pins.data)
  useKey('p', toggle)
  return (
    <Button onClick={toggle} aria-pressed={pinned} aria-keyshortcuts="p" disabled={!pins.data}>
      {pinned ? <PinOff size={15} aria-hidden /> : <Pin size={15} aria-hidden />} {pinned ? 'Unpin' : 'Pin'}
    </Button>
  )
}
