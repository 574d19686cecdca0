/** A token that was just made: it is shown this once, with the lines that use it. */
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { Command, Notice } from '../../ui/layout'
import type { Minted } from '../org/parts/types'

export function MadeToken({ made, org, onDone }: { made: Minted; org?: string | undefined; onDone: () => void }) {
  return (
    <div className="stack">
      <Notice kind="warn">Copy it now: it is shown this once. Whoever has it can act with it, so keep it like a password.</Notice>
      <Command text={made.token} />
      <div className="stack-small">
        <h3>Keep it for the command line of this machine</h3>
        <Command text={`nervecenter login --server ${location.origin} --token ${made.token}`} />
        <h3>Or only for one shell or pipeline</h3>
        <Command text={environment('NERVECENTER_URL', 'NERVECENTER', made, org)} />
        <h3>For nh</h3>
        <Command text={environment('NERVES_HUB_URI', 'NERVES_HUB', made, org)} />
      </div>
      <DialogButtons>
        <Button kind="primary" onClick={onDone}>
          I have kept it
        </Button>
      </DialogButtons>
    </div>
  )
}

/** The variables that a command line reads: address and token, and where the token or its maker has only one, organization and product. */
function environment(address: string, prefix: string, made: Minted, ofMaker: string | undefined): string {
  const [org, product] = made.product ? made.product.split('/') : [ofMaker]
  const lines = [`export ${address}=${location.origin}`, `export ${prefix}_TOKEN=${made.token}`]
  if (org) lines.push(`export ${prefix}_ORG=${org}`)
  if (product) lines.push(`export ${prefix}_PRODUCT=${product}`)
  return lines.join('\n')
}
