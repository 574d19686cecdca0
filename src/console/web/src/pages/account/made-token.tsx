/** A token that was just made: it is shown this once, with the lines that use it. */
import { Command, Notice } from '../../ui/layout'
import { Kept } from '../../ui/shown-once'
import type { Minted } from '../org/parts/types'
import { environment } from './environment'

export function MadeToken({ made, org, onDone }: { made: Minted; org?: string | undefined; onDone: () => void }) {
  const at = { server: location.origin, token: made.token, product: made.product, org }
  return (
    <div className="stack">
      <Notice kind="warn">Copy it now: it is shown this once. Whoever has it can act with it, so keep it like a password.</Notice>
      <Command text={made.token} />
      <div className="stack-small">
        <p className="muted">
          Programs read it from their environment: in a pipeline keep it among its secrets, and not in its code. On a machine of your own{' '}
          <code>nervecenter login</code> needs no token of this page; it makes one of its own through the browser.
        </p>
        <h3>For nervecenter</h3>
        <Command text={environment('NERVECENTER_URL', 'NERVECENTER', at)} />
        <h3>For nh</h3>
        <Command text={environment('NERVES_HUB_URI', 'NERVES_HUB', at)} />
      </div>
      <Kept onDone={onDone} />
    </div>
  )
}
