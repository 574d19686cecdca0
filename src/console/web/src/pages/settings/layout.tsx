/** The settings of a product, as tabs that are pages of their own. */
import { Outlet } from '@tanstack/react-router'
import { useProduct } from '../../product'
import { Page, TabLinks } from '../../ui/layout'

const TABS = [
  ['general', 'General'],
  ['extensions', 'Extensions'],
  ['secrets', 'Secrets'],
  ['webhooks', 'Webhooks'],
  ['mail', 'Mail'],
] as const

export default function SettingsLayout() {
  const { org, product } = useProduct()
  const base = `/o/${encodeURIComponent(org)}/p/${encodeURIComponent(product)}/settings`
  return (
    <Page title={`Settings of ${product}`}>
      <TabLinks label="Settings" tabs={TABS.map(([page, label]) => ({ to: `${base}/${page}`, label }))} />
      <Outlet />
    </Page>
  )
}
