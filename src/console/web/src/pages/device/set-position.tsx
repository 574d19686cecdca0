/** Sets where a device is, whatever it reports. */
import { useState } from 'react'
import { api, data } from '../../api/client'
import type { Schemas } from '../../api/types'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { TextField, useForm } from '../../ui/form'
import { toast } from '../../ui/toast'
import { pairOf } from './coordinates'
import { D, deviceKey, useDeviceAddress } from './device'

export type Place = Schemas['Location']

type Props = { place: Place | null; open: boolean; onClose: () => void }

export function SetPosition({ place, open, onClose }: Props) {
  const at = useDeviceAddress()
  return (
    <Dialog open={open} onClose={onClose} title={`Set the position of ${at.device}`}>
      <Fields place={place} onClose={onClose} />
    </Dialog>
  )
}

function Fields({ place, onClose }: Omit<Props, 'open'>) {
  const at = useDeviceAddress()
  const [latitude, setLatitude] = useState(place ? String(place.latitude) : '')
  const [longitude, setLongitude] = useState(place ? String(place.longitude) : '')
  const form = useForm(async () => {
    const body = { latitude: latitude.trim(), longitude: longitude.trim() }
    const set = await data(api.PUT(`${D}/location`, { params: { path: at }, body }))
    queries.setQueryData(deviceKey(at, 'location'), set)
    onClose()
    toast(`The position of ${at.device} is set.`)
  }, ['latitude', 'longitude'])
  const typeLatitude = (text: string) => {
    const pair = pairOf(text)
    if (!pair) return setLatitude(text)
    setLatitude(pair[0])
    setLongitude(pair[1])
  }
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Latitude"
        hint="Degrees north, from -90 to 90. Both numbers may be pasted here, as a map copies them."
        required
        autoFocus
        inputMode="text"
        value={latitude}
        error={form.error('latitude')}
        onChange={(e) => typeLatitude(e.target.value)}
      />
      <TextField
        label="Longitude"
        hint="Degrees east, from -180 to 180."
        required
        inputMode="text"
        value={longitude}
        error={form.error('longitude')}
        onChange={(e) => setLongitude(e.target.value)}
      />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Set it
        </Button>
      </DialogButtons>
    </form>
  )
}
