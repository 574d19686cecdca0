/** The addresses of the console and the page behind each. Pages are loaded when they are first gone to. */
import { Outlet, createRootRoute, createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import type { AnyRoute, RouteComponent } from '@tanstack/react-router'
import { Frame } from './shell/frame'
import { Lost, PageFailure } from './shell/lost'
import { queries, sessionQuery } from './session/session'

type Page = () => Promise<{ default: RouteComponent }>

const page = (parent: AnyRoute, path: string, load: Page) =>
  createRoute({ getParentRoute: () => parent, path, component: lazyRouteComponent(load) })

/** An address that leads on to the first of its pages. */
const leads = (parent: AnyRoute, path: string, to: string) =>
  createRoute({
    getParentRoute: () => parent,
    path,
    beforeLoad: ({ params }) => {
      throw redirect({ to, params, replace: true } as never)
    },
  })

const root = createRootRoute({ component: Outlet, notFoundComponent: Lost })

const login = page(root, '/login', () => import('./pages/login/login'))
const forgotten = page(root, '/forgotten', () => import('./pages/login/forgotten'))
const register = page(root, '/register', () => import('./pages/login/register'))

const frame = createRoute({
  getParentRoute: () => root,
  id: 'frame',
  component: Frame,
  beforeLoad: async ({ location }) => {
    const session = await queries.ensureQueryData(sessionQuery)
    if (!session) throw redirect({ to: '/login', search: { next: location.href } } as never)
  },
})

const account = page(frame, '/account', () => import('./pages/account/layout'))
const orgSettings = page(frame, '/o/$org/settings', () => import('./pages/org/settings'))
const P = '/o/$org/p/$product'
const product = page(frame, P, () => import('./pages/product/layout'))
const settings = page(product, '/settings', () => import('./pages/settings/layout'))
const device = page(product, '/devices/$device', () => import('./pages/device/layout'))
const group = page(product, '/groups/$group', () => import('./pages/group/layout'))

const tree = root.addChildren([
  login,
  forgotten,
  register,
  frame.addChildren([
    page(frame, '/', () => import('./pages/home/home')),
    account.addChildren([
      leads(account, '/', '/account/profile'),
      page(account, '/profile', () => import('./pages/account/profile')),
      page(account, '/security', () => import('./pages/account/security')),
      page(account, '/tokens', () => import('./pages/account/tokens')),
    ]),
    page(frame, '/o/$org', () => import('./pages/org/products')),
    orgSettings.addChildren([
      leads(orgSettings, '/', '/o/$org/settings/members'),
      page(orgSettings, '/members', () => import('./pages/org/members')),
      page(orgSettings, '/keys', () => import('./pages/org/keys')),
      page(orgSettings, '/authorities', () => import('./pages/org/authorities')),
      page(orgSettings, '/endpoints', () => import('./pages/org/endpoints')),
      page(orgSettings, '/service-accounts', () => import('./pages/org/service-accounts')),
      page(orgSettings, '/general', () => import('./pages/org/general')),
      page(orgSettings, '/audit', () => import('./pages/org/audit')),
    ]),
    product.addChildren([
      leads(product, '/', `${P}/overview`),
      page(product, '/overview', () => import('./pages/overview/overview')),
      page(product, '/devices', () => import('./pages/devices/devices')),
      page(product, '/devices/compare', () => import('./pages/compare/compare')),
      device.addChildren([
        leads(device, '/', `${P}/devices/$device/summary`),
        page(device, '/summary', () => import('./pages/device/summary')),
        page(device, '/health', () => import('./pages/device/health')),
        page(device, '/firmware', () => import('./pages/device/firmware')),
        page(device, '/console', () => import('./pages/device/console')),
        page(device, '/shell', () => import('./pages/device/shell')),
        page(device, '/scripts', () => import('./pages/device/scripts')),
        page(device, '/logs', () => import('./pages/device/logs')),
        page(device, '/activity', () => import('./pages/device/activity')),
        page(device, '/settings', () => import('./pages/device/settings')),
      ]),
      page(product, '/groups', () => import('./pages/groups/groups')),
      group.addChildren([
        leads(group, '/', `${P}/groups/$group/live`),
        page(group, '/live', () => import('./pages/group/live')),
        page(group, '/release', () => import('./pages/group/release')),
        page(group, '/releases', () => import('./pages/group/releases')),
        page(group, '/deltas', () => import('./pages/group/deltas')),
        page(group, '/activity', () => import('./pages/group/activity')),
        page(group, '/settings', () => import('./pages/group/settings')),
      ]),
      page(product, '/firmware', () => import('./pages/firmware/list')),
      page(product, '/firmware/$uuid', () => import('./pages/firmware/firmware')),
      page(product, '/archives', () => import('./pages/firmware/archives')),
      page(product, '/scripts', () => import('./pages/scripts/scripts')),
      page(product, '/insights', () => import('./pages/insights/insights')),
      page(product, '/notifications', () => import('./pages/notifications/notifications')),
      page(product, '/jobs', () => import('./pages/jobs/list')),
      page(product, '/jobs/$job', () => import('./pages/jobs/job')),
      page(product, '/audit', () => import('./pages/audit/audit')),
      settings.addChildren([
        leads(settings, '/', `${P}/settings/general`),
        page(settings, '/general', () => import('./pages/settings/general')),
        page(settings, '/extensions', () => import('./pages/settings/extensions')),
        page(settings, '/secrets', () => import('./pages/settings/secrets')),
        page(settings, '/webhooks', () => import('./pages/settings/webhooks')),
        page(settings, '/mail', () => import('./pages/settings/mail')),
      ]),
    ]),
  ]),
])

export const router = createRouter({
  routeTree: tree,
  defaultPreload: 'intent',
  defaultNotFoundComponent: Lost,
  defaultErrorComponent: PageFailure,
  defaultPendingMs: 150,
})
