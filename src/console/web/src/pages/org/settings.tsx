/** The settings of an organization: its name, people, keys and log, each on a page of its own. */
import { Outlet, useRouterState } from '@tanstack/react-router'
import { useAddress } from '../../product'
import { useRole } from '../../session/session'
import { Lost } from '../../shell/lost'
import { Page, TabLinks } from '../../ui/layout'

const PAGES = [
  ['general', 'General'],
  ['members', 'Members'],
  ['keys', 'Signing keys'],
  ['authorities', 'Authorities'],
  ['endpoints', 'Iroh endpoints'],
  ['service-accounts', 'Service accounts'],
  ['audit', 'Audit'],
] as const

export default function OrgSettings() {
  const { org = '' } = useAddress()
  const role = useRole(org)
  const path = useRouterState({ select: (s) => s.location.pathname })
  if (role === null) return <Lost />
  const here = PAGES.find(([page]) => path.endsWith(`/${page}`))
  const base = `/o/${encodeURIComponent(org)}/settings`
  return (
    <Page
      title={`${here?.[1] ?? 'Settings'} of ${org}`}
      heading={
        <>
          <h1>Settings of {org}</h1>
          <span className="small muted">your role: {role}</span>
        </>
      }
    >
      <TabLinks label="Settings of the organization" tabs={PAGES.map(([page, label]) => ({ to: `${base}/${page}`, label }))} />
      <Outlet />
    </Page>
  )
}
