/** How many devices a query finds, as a link to them. */
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { counted } from '../../ui/text'
import { useDeviceCount } from './queries'

/** Links that stand below each other on a phone are at least 24 px high each (WCAG 2.5.8). */
export const TARGET = { display: 'inline-block', lineHeight: '24px' }

export function DeviceCount({ query }: { query: string }) {
  const { org, product } = useProduct()
  const found = useDeviceCount(org, product, query)
  if (found.data === undefined) return <span className="muted">{found.error ? 'not counted' : '…'}</span>
  return <Link style={TARGET} {...paths.product(org, product, 'devices', { q: query })}>{counted(found.data, 'device')}</Link>
}
