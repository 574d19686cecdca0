/** Sends one device a firmware of the person's choice, past the rules of its group. */
import { useState } from 'react'
import { api, take } from '../../api/client'
import type { Device } from '../../api/types'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { Check, SelectField, useForm } from '../../ui/form'
import { Command, Empty, Failure, Notice, Skeleton } from '../../ui/layout'
import { productFlags } from '../../ui/shell-word'
import { toast } from '../../ui/toast'
import { useFirmwares } from '../firmware/queries'
import { D, refreshDevice, useConnected, useDeviceAddress } from './device'

export function SendFirmware({ device, open, onClose }: { device: Device; open: boolean; onClose: () => void }) {
  const at = useDeviceAddress()
  return (
    <Dialog open={open} onClose={onClose} title={`Send a firmware to ${at.device}`}>
      <Send device={device} onClose={onClose} />
    </Dialog>
  )
}

function Send({ device, onClose }: { device: Device; onClose: () => void }) {
  const at = useDeviceAddress()
  const { org, product } = at
  const [uuid, setUuid] = useState('')
  const [all, setAll] = useState(false)
  const connected = useConnected(device, Date.now())
  const firmwares = useFirmwares(org, product)
  const form = useForm(async () => {
    await take(api.POST(`${D}/upgrade`, { params: { path: at }, body: { uuid } }))
    onClose()
    toast(`${at.device} is sent the firmware.`)
    await refreshDevice(at)
  })
  if (firmwares.error) return <Failure error={firmwares.error} again={() => void firmwares.refetch()} />
  if (!firmwares.data) return <Skeleton />
  if (firmwares.data.length === 0) return <NoFirmware />
  const platform = device.firmware_metadata?.platform
  const fits = firmwares.data.filter((f) => all || !platform || f.platform === platform)
  const options = fits.map((f) => ({
    value: f.uuid,
    label: `${f.version}, ${f.platform}, ${f.uuid.slice(0, 8)}${f.uuid === device.firmware_metadata?.uuid ? ' (runs now)' : ''}`,
    disabled: f.uuid === device.firmware_metadata?.uuid,
  }))
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <p>
        The device gets the whole file at once, past the limits and steps of its group. Its automatic updates are switched off, so that the group does
        not take the firmware back; switch them on again under Settings.
      </p>
      {!connected.online && (
        <Notice kind="warn">The device is {connected.word}. The server refuses to send to a device that is not connected.</Notice>
      )}
      <SelectField label="Firmware" options={[{ value: '', label: 'Choose one' }, ...options]} value={uuid} onChange={setUuid} />
      {platform && <Check label="Show firmware of other platforms, too" hint={`The device is a ${platform}.`} checked={all} onChange={setAll} />}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" disabled={!uuid} busy={form.busy}>
          Send it
        </Button>
      </DialogButtons>
    </form>
  )
}

function NoFirmware() {
  const { org, product } = useDeviceAddress()
  return (
    <Empty title="No firmware yet">
      <p>Upload a signed firmware to this product first:</p>
      <Command text={`nervecenter firmware publish my.fw ${productFlags(org, product)}`} />
    </Empty>
  )
}
