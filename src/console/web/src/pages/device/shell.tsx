/** A shell of the device's operating system: the extension `local_shell`. */
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { Card, Empty, Failure, Skeleton } from '../../ui/layout'
import { useDeviceAddress, useExtensions } from './device'
import { ExtensionSwitch } from './extensions'
import { TerminalPage } from './terminal-page'

export default function Shell() {
  const at = useDeviceAddress()
  const extensions = useExtensions()
  if (extensions.error) return <Failure error={extensions.error} again={() => void extensions.refetch()} />
  if (!extensions.data) return <Skeleton />
  const states = extensions.data.local_shell
  if (states?.device && states.product) return <TerminalPage kind="shell" />
  return (
    <Empty title="The shell is off">
      <p>
        The extension Shell gives a shell of the device's operating system, as root as a rule: whoever may open it may do anything on the device. It
        is off for every product until somebody turns it on, and needs nerves_hub_link 2.10 or later.
      </p>
      {states && !states.device && (
        <Card>
          <ExtensionSwitch name="local_shell" at={at} states={states} />
        </Card>
      )}
      {!states?.product && (
        <p>
          Turn it on for the product under <Link {...paths.settings(at.org, at.product, 'extensions')}>its extensions</Link>. Until then, the{' '}
          <Link {...paths.device(at.org, at.product, at.device, 'console')}>console</Link> runs commands of the operating system as well:{' '}
          <code>cmd "ls /"</code>
        </p>
      )}
    </Empty>
  )
}
