/** The pages of one's own account. */
import { Outlet, useRouterState } from '@tanstack/react-router'
import { useSession } from '../../session/session'
import { Page, TabLinks } from '../../ui/layout'

const TABS = [
  { to: '/account/profile', label: 'Profile' },
  { to: '/account/security', label: 'Security' },
  { to: '/account/tokens', label: 'Tokens' },
]

export default function Account() {
  const { user } = useSession()
  const path = useRouterState({ select: (s) => s.location.pathname })
  const here = TABS.find((t) => path.startsWith(t.to))
  return (
    <Page
      title={here?.label ?? 'Account'}
      heading={
        <>
          <h1>Your account</h1>
          <span className="small muted">{user.email}</span>
        </>
      }
    >
      <TabLinks label="Your account" tabs={TABS} />
      <Outlet />
    </Page>
  )
}
