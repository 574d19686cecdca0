/** What is around every page of somebody who is logged in: where they are, search, how live the page is, and themselves. */
import { useQuery } from '@tanstack/react-query'
import { Link, Outlet, useNavigate, useRouter, useRouterState } from '@tanstack/react-router'
import {
  Activity,
  Archive,
  Bell,
  Boxes,
  Cpu,
  FileCode,
  HardDrive,
  LayoutDashboard,
  ListChecks,
  Menu as MenuIcon,
  Rocket,
  ScrollText,
  Search,
  Settings,
  Snowflake,
  User,
  Users,
} from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useLive, useStream } from '../live/live'
import { paths, type Target } from '../paths'
import { useAddress } from '../product'
import { useAppearance } from '../session/preferences'
import { end, sessionQuery, useSession } from '../session/session'
import { Button, IconButton } from '../ui/button'
import { freeze, useFrozen } from '../ui/freeze'
import { Menu } from '../ui/menu'
import { Status } from '../ui/status'
import { duration } from '../ui/text'
import { useNow } from '../ui/time'
import { toastProblem } from '../ui/toast'
import css from './frame.module.css'
import { KeyList, useKeys } from './keys'
import { Palette } from './palette'

export function Frame() {
  const signedIn = useLeaveWhenSignedOut()
  return signedIn ? <Frames /> : null
}

function Frames() {
  const [palette, setPalette] = useState(false)
  const [keyList, setKeyList] = useState(false)
  const [nav, setNav] = useState(false)
  const main = useRef<HTMLElement>(null)
  const path = useRouterState({ select: (s) => s.location.pathname })
  useAppearance()
  useKeys({ palette: () => setPalette(true), help: () => setKeyList(true) })
  useEffect(() => setNav(false), [path])
  return (
    <div className={css.frame}>
      <a href="#main" className={css.skip} onClick={(e) => (e.preventDefault(), main.current?.focus())}>
        Skip to content
      </a>
      <header className={css.head}>
        <IconButton label="Menu" className={`${css.burger}`} aria-expanded={nav} onClick={() => setNav(!nav)}>
          <MenuIcon size={18} aria-hidden />
        </IconButton>
        <Where />
        <Button className={css.search} onClick={() => setPalette(true)} aria-label="Search or act">
          <Search size={15} aria-hidden />
          <span>Search or act</span>
          <kbd>Ctrl K</kbd>
        </Button>
        <LiveAge />
        <Person />
      </header>
      <Nav open={nav} />
      <main id="main" className={css.main} tabIndex={-1} ref={main}>
        <Outlet />
      </main>
      <Palette open={palette} onClose={() => setPalette(false)} />
      <KeyList open={keyList} onClose={() => setKeyList(false)} />
    </div>
  )
}

/** Goes to the login, and back afterwards, when the session ended; answers whether there is one. */
function useLeaveWhenSignedOut(): boolean {
  const { data: session } = useQuery(sessionQuery)
  const router = useRouter()
  useEffect(() => {
    // The address is read when the session ends and not watched: it changes by going to the login.
    if (session === null) void router.navigate({ to: '/login', search: { next: router.state.location.href } as never })
  }, [session, router])
  return session !== null
}

function Where() {
  const { org, product } = useAddress()
  return (
    <>
      <Link to="/" className={css.brand} aria-label="Nervecenter">
        <img src="/favicon.svg" width="22" height="22" alt="" />
        {!org && <span>Nervecenter</span>}
      </Link>
      {org && (
        <nav className={css.where} aria-label="Where you are">
          <Link {...paths.org(org)} activeOptions={{ exact: true }}>
            {org}
          </Link>
          {product && (
            <>
              <span className="muted" aria-hidden>
                /
              </span>
              <Link {...paths.product(org, product)}>{product}</Link>
            </>
          )}
        </nav>
      )}
    </>
  )
}

/** How old the last event is, and whether the stream is there at all. */
function LiveAge() {
  const { org, product } = useAddress()
  const frozen = useFrozen()
  if (frozen !== null) return <Frozen since={frozen} />
  return org && product ? <ProductAge org={org} product={product} /> : null
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

/** What is shown is of one moment; a click lets time go on. */
function Frozen({ since }: { since: number }) {
  const at = clock.format(since)
  return (
    <Button small className={css.frozen} onClick={() => freeze(false)} title="Nothing on the page changes until time goes on (t f)" aria-label={`Frozen at ${at}: let time go on`}>
      <Snowflake size={14} aria-hidden />
      <span aria-hidden>
        frozen <span className="num">{at}</span>
      </span>
    </Button>
  )
}

function ProductAge({ org, product }: { org: string; product: string }) {
  useStream(org, product)
  const live = useLive(org, product)
  const now = useNow()
  const age = live.heard ? Math.max(0, Math.round((now - live.heard) / 1000)) : null
  const word = age === null || age < 5 ? 'now' : `${duration(age)} ago`
  return (
    <span className={css.age} title={live.connected ? `Last event ${word}` : undefined}>
      {live.connected ? (
        <Status tone="ok">live</Status>
      ) : (
        <Status tone="warn">{live.heard ? `reconnecting, ${word}` : 'connecting'}</Status>
      )}
    </span>
  )
}

function Person() {
  const { user } = useSession()
  const navigate = useNavigate()
  const go = (to: string) => () => void navigate({ to })
  return (
    <Menu
      label={`You: ${user.name}`}
      items={[
        { label: 'Profile', onSelect: go('/account/profile') },
        { label: 'Security', onSelect: go('/account/security') },
        { label: 'Tokens', onSelect: go('/account/tokens') },
        'separator',
        { label: 'All organizations', onSelect: go('/') },
        'separator',
        { label: 'Log out', onSelect: () => void end().catch(toastProblem) },
      ]}
    >
      <User size={16} aria-hidden />
    </Menu>
  )
}

type Entry = { target: Target; label: string; icon: typeof Cpu }

function Nav({ open }: { open: boolean }) {
  const { org, product } = useAddress()
  return (
    <nav className={css.nav} aria-label="Main" data-open={open || undefined}>
      {org && product && (
        <>
          <h2>Product</h2>
          <Entries entries={ofProduct(org, product)} />
        </>
      )}
      {org && (
        <>
          <h2>Organization</h2>
          <Entries entries={ofOrg(org)} />
        </>
      )}
      {!org && (
        <Entries
          entries={[
            { target: { to: '/' }, label: 'Organizations', icon: Boxes },
            { target: { to: '/account' }, label: 'Account', icon: User },
          ]}
        />
      )}
    </nav>
  )
}

function ofProduct(org: string, product: string): Entry[] {
  const page = (name: string) => paths.product(org, product, name)
  return [
    { target: page('overview'), label: 'Overview', icon: LayoutDashboard },
    { target: page('devices'), label: 'Devices', icon: Cpu },
    { target: page('groups'), label: 'Rollouts', icon: Rocket },
    { target: page('firmware'), label: 'Firmware', icon: HardDrive },
    { target: page('archives'), label: 'Archives', icon: Archive },
    { target: page('scripts'), label: 'Scripts', icon: FileCode },
    { target: page('insights'), label: 'Insights', icon: Activity },
    { target: page('notifications'), label: 'Notifications', icon: Bell },
    { target: page('jobs'), label: 'Jobs', icon: ListChecks },
    { target: page('audit'), label: 'Audit', icon: ScrollText },
    { target: page('settings'), label: 'Settings', icon: Settings },
  ]
}

function ofOrg(org: string): Entry[] {
  return [
    { target: paths.org(org), label: 'Products', icon: Boxes },
    { target: { to: '/o/$org/settings', params: { org } }, label: 'Members, keys', icon: Users },
  ]
}

function Entries({ entries }: { entries: readonly Entry[] }) {
  return (
    <ul>
      {entries.map(({ target, label, icon: Icon }) => (
        <li key={label}>
          <Link {...target} activeOptions={{ exact: target.to === '/' || target.to === '/o/$org', includeSearch: false }} title={label}>
            <Icon size={16} aria-hidden />
            <span>{label}</span>
          </Link>
        </li>
      ))}
    </ul>
  )
}
