/** How many devices a query finds, as a link to them. */
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { counted } from '../../ui/text'
import { useDeviceCount } from './queries'

export function DeviceCount({ query }: { query: string }) {
  const { org, product } = useProduct()
  const found = useDeviceCount(org, product, query)
  if (found.data === undefined) return <span className="muted">{found.error ? 'not counted' : '…'}</span>
  return <Link className="target" {...paths.product(org, product, 'devices', { q: query })}>{counted(found.data, 'device')}</Link>
}
