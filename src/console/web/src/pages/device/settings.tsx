/** What is set for one device: its description, tags, updates, how it proves who it is, and where it belongs. */
import { useState } from 'react'
import type { Device } from '../../api/types'
import { Button } from '../../ui/button'
import { Check, TextArea, TextField, useForm } from '../../ui/form'
import { Card, Notice, Skeleton } from '../../ui/layout'
import { DialogButtons } from '../../ui/dialog'
import { attempt, toast } from '../../ui/toast'
import { tagsOf } from '../devices/new-device'
import { Questions, restore, type Question } from './actions'
import { Certificates } from './certificates'
import { changeDevice, useDevice, useDeviceAddress, useMayManage } from './device'
import { DeviceSecrets } from './device-secrets'
import { ExtensionsCard } from './extensions'
import css from './device.module.css'

export default function Settings() {
  const device = useDevice()
  const { may } = useMayManage()
  if (!device.data) return <Skeleton lines={6} />
  const d = device.data
  return (
    <>
      {!may && <Notice>Changing what is set here takes the role manage. You may look at it.</Notice>}
      {d.deleted && <Notice kind="warn">While the device is deleted, nothing of it can be changed but that it is restored.</Notice>}
      <div className={css.cards}>
        <div className={css.column}>
          <General device={d} />
        </div>
        <div className={css.column}>
          <Updates device={d} />
          <ExtensionsCard />
        </div>
      </div>
      <Certificates />
      <DeviceSecrets />
      <Belongs device={d} />
    </>
  )
}

/** What was typed into a field; nothing where the field still shows what the device has. */
type Typed = { description?: string; tags?: string; zone?: string }

function General({ device }: { device: Device }) {
  const at = useDeviceAddress()
  const { may } = useMayManage()
  const [typed, setTyped] = useState<Typed>({})
  const has = { description: device.description ?? '', tags: (device.tags ?? []).join(', '), zone: device.time_zone ?? '' }
  const { description, tags, zone } = { ...has, ...typed }
  // Only what this person changed is sent: what others changed meanwhile stays, and shows here.
  const changed = {
    ...(description !== has.description && { description: description || null }),
    ...(tagsOf(tags).join() !== tagsOf(has.tags).join() && { tags: tagsOf(tags) }),
    ...(zone.trim() !== has.zone && { time_zone: zone.trim() || null }),
  }
  const form = useForm(async () => {
    await changeDevice(at, changed)
    setTyped({})
    toast(`${at.device} is changed.`)
  }, ['description', 'tags', 'time_zone'])
  const off = !may || device.deleted
  return (
    <Card title="About it">
      <form className="stack" onSubmit={form.submit}>
        {form.problem}
        <TextArea
          label="Description"
          rows={3}
          value={description}
          disabled={off}
          error={form.error('description')}
          onChange={(e) => setTyped({ ...typed, description: e.target.value })}
        />
        <TextField
          label="Tags"
          hint="With commas between them. Conditions of deployment groups look at them, so another tag may bring another group."
          value={tags}
          disabled={off}
          error={form.error('tags')}
          onChange={(e) => setTyped({ ...typed, tags: e.target.value })}
        />
        <TextField
          label="Time zone"
          hint="Where its maintenance windows are, such as Europe/Berlin. Empty for the time zone of the window."
          value={zone}
          disabled={off}
          error={form.error('time_zone')}
          onChange={(e) => setTyped({ ...typed, zone: e.target.value })}
          list="time-zones"
        />
        <datalist id="time-zones">
          {Intl.supportedValuesOf('timeZone').map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <DialogButtons>
          <Button type="submit" kind="primary" disabled={off || Object.keys(changed).length === 0} busy={form.busy}>
            Save
          </Button>
        </DialogButtons>
      </form>
    </Card>
  )
}

function Updates({ device }: { device: Device }) {
  const at = useDeviceAddress()
  const { may } = useMayManage()
  const set = (on: boolean) => changeDevice(at, { updates_enabled: on })
  const toggle = (on: boolean) =>
    attempt(
      `Updates are ${on ? 'on' : 'off'} for ${at.device}.`,
      () => set(on),
      () => set(!on),
    )
  return (
    <Card title="Updates">
      <Check
        label="It is updated by itself"
        hint="When this is off, its group does not offer it anything; a firmware can be sent to it by hand."
        checked={device.updates_enabled}
        disabled={!may || device.deleted}
        onChange={(on) => void toggle(on)}
      />
    </Card>
  )
}

/** Where the device belongs: what moves it, deletes it or brings it back. */
function Belongs({ device }: { device: Device }) {
  const at = useDeviceAddress()
  const { may, note } = useMayManage()
  const [open, setOpen] = useState<Question | null>(null)
  return (
    <Card title="Move or delete it">
      <div className="stack">
        {device.deleted ? (
          <>
            <Act
              text="Restore it, with all that is known of it."
              label="Restore"
              disabled={!may}
              title={note}
              onClick={() => void attempt(`${at.device} is restored.`, () => restore(at))}
            />
            <Act
              text="Destroy it: all that is known of it goes, and its identifier is free."
              label="Destroy…"
              danger
              disabled={!may}
              title={note}
              onClick={() => setOpen('destroy')}
            />
          </>
        ) : (
          <>
            <Act
              text="Move it to another product. It leaves its group and connects again there."
              label="Move…"
              disabled={!may}
              title={note}
              onClick={() => setOpen('move')}
            />
            <Act
              text="Delete it. It cannot connect then, and can be restored."
              label="Delete…"
              danger
              disabled={!may}
              title={note}
              onClick={() => setOpen('delete')}
            />
          </>
        )}
      </div>
      <Questions device={device} open={open} onClose={() => setOpen(null)} />
    </Card>
  )
}

type ActProps = { text: string; label: string; danger?: boolean; disabled: boolean; title: string | undefined; onClick: () => void }

function Act({ text, label, danger, ...button }: ActProps) {
  return (
    <div className="row">
      <span className="grow">{text}</span>
      <Button {...(danger && { kind: 'danger' as const })} {...button}>
        {label}
      </Button>
    </div>
  )
}
