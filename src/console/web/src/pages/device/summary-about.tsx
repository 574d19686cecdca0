/** Who a device is: its description and tags, changed in place, its group and whether it is updated by itself. */
import { Link } from '@tanstack/react-router'
import { Pencil } from 'lucide-react'
import { useState } from 'react'
import type { Device } from '../../api/types'
import { paths } from '../../paths'
import { Button, IconButton } from '../../ui/button'
import { TextField, useForm } from '../../ui/form'
import { Card, Facts } from '../../ui/layout'
import { Status } from '../../ui/status'
import { moment } from '../../ui/text'
import { Time } from '../../ui/time'
import { changeDevice, useDeviceAddress, useMayManage } from './device'
import { TagsEditor } from './tags-editor'

export function About({ device }: { device: Device }) {
  const { org, product } = useDeviceAddress()
  const group = device.deployment_group
  return (
    <Card title="About it">
      <Facts
        rows={[
          ['Description', <Description key="d" device={device} />],
          ['Tags', <TagsEditor key="t" device={device} />],
          [
            'Deployment group',
            group ? (
              <Link {...paths.group(org, product, group.name)}>{group.name}</Link>
            ) : (
              <span className="muted">it is in no deployment group</span>
            ),
          ],
          ['Updates', <Updates key="u" device={device} />],
          ['Time zone', device.time_zone ?? <span className="muted">that of the maintenance window</span>],
        ]}
      />
    </Card>
  )
}

function Updates({ device }: { device: Device }) {
  const rests = device.updates_blocked_until
  if (rests && moment(rests).getTime() > Date.now()) {
    return (
      <span className="row">
        <Status tone="warn">in the penalty box</Status>
        <span className="muted">
          ends <Time at={rests} />
        </span>
      </span>
    )
  }
  return device.updates_enabled ? <Status tone="ok">automatic</Status> : <Status tone="paused">off</Status>
}

function Description({ device }: { device: Device }) {
  const { may, note } = useMayManage()
  const [editing, setEditing] = useState(false)
  if (editing) return <EditDescription device={device} onDone={() => setEditing(false)} />
  return (
    <span className="row">
      <span>{device.description || <span className="muted">none</span>}</span>
      <IconButton small label="Change the description" disabled={!may} title={note ?? 'Change the description'} onClick={() => setEditing(true)}>
        <Pencil size={13} aria-hidden />
      </IconButton>
    </span>
  )
}

function EditDescription({ device, onDone }: { device: Device; onDone: () => void }) {
  const at = useDeviceAddress()
  const [text, setText] = useState(device.description ?? '')
  const form = useForm(async () => {
    await changeDevice(at, { description: text || null })
    onDone()
  }, ['description'])
  return (
    <form className="stack-small" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Description"
        value={text}
        autoFocus
        error={form.error('description')}
        onChange={(e) => setText(e.target.value)}
        onKeyDown={(e) => e.key === 'Escape' && onDone()}
      />
      <span className="row">
        <Button small type="submit" kind="primary" busy={form.busy}>
          Save
        </Button>
        <Button small onClick={onDone}>
          Cancel
        </Button>
      </span>
    </form>
  )
}
