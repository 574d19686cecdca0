/** Pictures of every page, for people to look at: `npm run screenshots`, into `screenshots/`. */
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Look, Visitor, closeBrowser } from './support/browser'
import { Demo } from './support/server'

const FOLDER = resolve(import.meta.dirname, '../screenshots')
const LOOKS: Record<string, Look> = { light: {}, dark: { dark: true }, wide: { wide: true }, phone: { phone: true } }

let demo: Demo

beforeAll(async () => {
  demo = await Demo.start()
  rmSync(FOLDER, { recursive: true, force: true })
})
afterAll(async () => {
  await closeBrowser()
  await demo?.stop()
})

/** The pages of the demo's product; its device and firmware are found on the way. */
async function pages(visitor: Visitor): Promise<string[]> {
  const ask = (path: string) => visitor.page.evaluate(async (p) => (await (await fetch(p)).json()).data, path)
  const product = (await ask('/api/orgs/demo/products'))[0].name
  const api = `/api/orgs/demo/products/${product}`
  const device = (await ask(`${api}/devices?query=version%20%3D%201.2.0`))[0].identifier
  const others = (await ask(`${api}/devices`)).slice(0, 3).map((d: { identifier: string }) => d.identifier)
  const firmware = (await ask(`${api}/firmwares`))[0].uuid
  const P = `/o/demo/p/${product}`
  const below = (path: string, all: string) => all.split(' ').map((p) => `${path}/${p}`)
  return [
    '/',
    ...below('/account', 'profile security tokens'),
    '/o/demo',
    ...below('/o/demo/settings', 'general members keys authorities endpoints service-accounts audit'),
    ...below(P, 'overview devices groups firmware archives scripts insights notifications jobs audit'),
    ...below(`${P}/settings`, 'general extensions secrets webhooks mail'),
    `${P}/devices?map=1`,
    `${P}/devices/compare?ids=${others.join(',')}`,
    ...below(`${P}/devices/${device}`, 'summary health firmware console shell scripts logs activity settings'),
    ...below(`${P}/groups/all-bbb`, 'live releases deltas activity settings release'),
    `${P}/groups/all-rpi4/live`,
    `${P}/firmware/${firmware}`,
  ]
}

test.each(Object.keys(LOOKS))('%s', { timeout: 600_000 }, async (name) => {
  const visitor = await Visitor.come(demo, LOOKS[name])
  mkdirSync(join(FOLDER, name), { recursive: true })
  await visitor.page.goto('/login')
  await visitor.page.getByLabel('Email').waitFor()
  await visitor.page.screenshot({ path: join(FOLDER, name, 'login.png') })
  await visitor.logIn()
  for (const path of await pages(visitor)) {
    await visitor.page.goto(path)
    await visitor.page.locator('main h1').first().waitFor()
    await visitor.page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'detached' })
    await visitor.page.waitForTimeout(900)
    const file = path.replace(/^\/o\/demo\/?(p\/[^/]+\/)?/, '').replace(/^\//, '').replaceAll(/[/?=]/g, '-').replace(/-ids-.*/, '') || (path === '/' ? 'start' : 'home')
    await visitor.page.screenshot({ path: join(FOLDER, name, `${file}.png`) })
  }
  expect(visitor.problems).toEqual([])
  await visitor.leave()
})
