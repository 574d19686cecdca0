/** What can be done with a device, each with what it means before it happens. */
import { useNavigate } from '@tanstack/react-router'
import { MoreHorizontal } from 'lucide-react'
import { useState } from 'react'
import { api, take } from '../../api/client'
import type { Device } from '../../api/types'
import { paths } from '../../paths'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Menu, type MenuItem } from '../../ui/menu'
import { moment } from '../../ui/text'
import { attempt, toast } from '../../ui/toast'
import { D, changeDevice, refreshDevice, useDeviceAddress, useMayManage, type DeviceAddress } from './device'
import { MoveDevice } from './move'
import { PenaltyQuestion } from './penalty'
import { PinButton } from './pin'
import { SendFirmware } from './send'

/** A question that is open. */
export type Question = 'reboot' | 'reconnect' | 'penalty' | 'send' | 'move' | 'delete' | 'destroy'

export function restore(at: DeviceAddress): Promise<void> {
  return changeDevice(at, { deleted_at: null })
}

async function deleteDevice(at: DeviceAddress): Promise<void> {
  await take(api.DELETE(D, { params: { path: at } }))
  await refreshDevice(at)
  toast(`${at.device} is deleted.`, () => restore(at))
}

export function Actions({ device }: { device: Device }) {
  const at = useDeviceAddress()
  const { may, note } = useMayManage()
  const [open, setOpen] = useState<Question | null>(null)
  const identify = () => attempt(`${at.device} was asked to show which one it is.`, () => take(api.POST(`${D}/identify`, { params: { path: at } })))
  return (
    <>
      <PinButton />
      {device.deleted ? (
        <>
          <Button disabled={!may} title={note} onClick={() => void attempt(`${at.device} is restored.`, () => restore(at))}>
            Restore
          </Button>
          <Button kind="danger" disabled={!may} title={note} onClick={() => setOpen('destroy')}>
            Destroy
          </Button>
        </>
      ) : (
        <>
          <Button disabled={!may} title={note} onClick={() => setOpen('reboot')}>
            Reboot
          </Button>
          <Button disabled={!may} title={note} onClick={() => void identify()}>
            Identify
          </Button>
          <Menu label={`More actions for ${at.device}`} items={moreItems(device, may, setOpen)}>
            <MoreHorizontal size={16} aria-hidden />
          </Menu>
        </>
      )}
      <Questions device={device} open={open} onClose={() => setOpen(null)} />
    </>
  )
}

function isBlocked(device: Device): boolean {
  return Boolean(device.updates_blocked_until) && moment(device.updates_blocked_until ?? '').getTime() > Date.now()
}

function moreItems(device: Device, may: boolean, ask: (question: Question) => void): MenuItem[] {
  const item = (label: string, question: Question, more: { danger?: boolean; unless?: string | false } = {}): MenuItem => ({
    label,
    onSelect: () => ask(question),
    disabled: !may || Boolean(more.unless),
    ...(more.danger && { danger: true }),
    ...(!may ? { note: 'takes the role manage' } : more.unless ? { note: more.unless } : {}),
  })
  return [
    item('Send a firmware…', 'send'),
    item('Reconnect…', 'reconnect'),
    item('Let it out of the penalty box…', 'penalty', { unless: !isBlocked(device) && 'it is not in it' }),
    'separator',
    item('Move to another product…', 'move'),
    item('Delete…', 'delete', { danger: true }),
  ]
}

export function Questions({ device, open, onClose }: { device: Device; open: Question | null; onClose: () => void }) {
  const at = useDeviceAddress()
  const navigate = useNavigate()
  const path = { params: { path: at } }
  const done = async (told: string, act: Promise<unknown>) => {
    await act
    toast(told)
    await refreshDevice(at)
  }
  const destroy = async () => {
    await take(api.DELETE(`${D}/destroy`, path))
    toast(`${at.device} is destroyed.`)
    await navigate(paths.product(at.org, at.product, 'devices'))
    await queries.invalidateQueries({ queryKey: ['devices', at.org, at.product] })
  }
  return (
    <>
      <Confirm
        open={open === 'reboot'}
        onClose={onClose}
        title={`Reboot ${at.device}?`}
        act="Reboot it"
        onConfirm={() => done(`${at.device} was asked to reboot.`, take(api.POST(`${D}/reboot`, path)))}
      >
        <p>
          The device is asked to reboot at once. What it does now stops, and it is offline until it has started again. A device that is offline is not
          asked.
        </p>
      </Confirm>
      <Confirm
        open={open === 'reconnect'}
        onClose={onClose}
        title={`Reconnect ${at.device}?`}
        act="Reconnect it"
        onConfirm={() => done(`${at.device} was disconnected, and connects again by itself.`, take(api.POST(`${D}/reconnect`, path)))}
      >
        <p>
          The server closes the connection of the device, which connects again by itself. Its console and shell close, and an update that is being
          downloaded goes on.
        </p>
      </Confirm>
      <PenaltyQuestion until={device.updates_blocked_until} open={open === 'penalty'} onClose={onClose} />
      <Confirm
        open={open === 'delete'}
        onClose={onClose}
        title={`Delete ${at.device}?`}
        act="Delete it"
        danger
        typed={at.device}
        onConfirm={() => deleteDevice(at)}
      >
        <p>
          The device is disconnected, may not connect again and leaves the lists. It can be restored, with all that is known of it, until somebody
          destroys it.
        </p>
      </Confirm>
      <Confirm
        open={open === 'destroy'}
        onClose={onClose}
        title={`Destroy ${at.device}?`}
        act="Destroy it"
        danger
        typed={at.device}
        onConfirm={destroy}
      >
        <p>
          Everything that is known of the device goes: its history, logs, health reports and certificates. Its identifier is free again. This cannot
          be taken back.
        </p>
      </Confirm>
      <SendFirmware device={device} open={open === 'send'} onClose={onClose} />
      <MoveDevice open={open === 'move'} onClose={onClose} />
    </>
  )
}
