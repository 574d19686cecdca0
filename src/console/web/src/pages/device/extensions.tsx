/** Which extensions a device may use: a switch each, which acts at once and can be taken back. */
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { Check } from '../../ui/form'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { attempt } from '../../ui/toast'
import { NAMES, WORDS } from './extension-names'
import { changeDevice, useDeviceAddress, useExtensions, useMayManage, type DeviceAddress } from './device'

export function ExtensionsCard() {
  const at = useDeviceAddress()
  const { note } = useMayManage()
  const extensions = useExtensions()
  return (
    <Card title="Extensions">
      {extensions.error && <Failure error={extensions.error} again={() => void extensions.refetch()} />}
      {extensions.isPending && <Skeleton />}
      <div className="stack-small">
        {note && <p className="small muted">{note}</p>}
        {Object.entries(extensions.data ?? {}).map(([name, states]) => (
          <ExtensionSwitch key={name} name={name} at={at} states={states} listed />
        ))}
      </div>
    </Card>
  )
}

type SwitchProps = {
  name: string
  at: DeviceAddress
  states: { device: boolean; product: boolean }
  /** Whether it stands in a list whose head says which role it takes. */
  listed?: boolean
}

export function ExtensionSwitch({ name, at, states, listed }: SwitchProps) {
  const { may, note } = useMayManage()
  const set = (on: boolean) => changeDevice(at, { extensions: { [name]: on } })
  const label = NAMES[name] ?? name
  const toggle = (on: boolean) =>
    attempt(
      `${label} is ${on ? 'on' : 'off'} for ${at.device}.`,
      () => set(on),
      () => set(!on),
    )
  return (
    <div>
      <Check label={label} hint={WORDS[name]} checked={states.device} disabled={!may} onChange={(on) => void toggle(on)} />
      {!listed && note && <p className="small muted">{note}</p>}
      {!states.product && (
        <p className="small muted">
          {states.device ? 'Allowed here, but off for the whole product, so the device does not use it.' : 'Off for the whole product, too.'}{' '}
          <Link {...paths.settings(at.org, at.product, 'extensions')}>Switch it on for the product</Link>
        </p>
      )}
    </div>
  )
}
