/** The list of devices when somebody came to select those that run a script: `script` in the address is its number. */
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { useUrl } from '../../address/url'
import { useProduct } from '../../product'
import { Notice } from '../../ui/layout'
import { FIRST_WAIT, useScript } from '../scripts/script'
import type { ChosenScript } from './bulk-script'

/** The script of the address, when the product has it. */
export function useChosenScript(): ChosenScript | null {
  const { org, product } = useProduct()
  const number = Number(useUrl().text('script'))
  const script = useScript(org, product, number > 0 ? number : null).data
  return script ? { id: script.id, name: script.name, wait: FIRST_WAIT } : null
}

export function ForScript({ script }: { script: ChosenScript | null }) {
  const { org, product } = useProduct()
  if (!script) return null
  return (
    <Notice>
      Select the devices that run {script.name}: one by one, or all that a query finds. You see first which of them can.{' '}
      <Link {...paths.product(org, product, 'devices')}>Not now</Link>
    </Notice>
  )
}
