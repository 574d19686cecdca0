/** Every page with nothing in it, with one of each thing, and with 100,000 devices: without an error, a violation of the policy or a
 * fault that axe finds, and never wider than the screen. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Look, Visitor, closeBrowser } from './support/browser'
import { OF_PRODUCT, ORGANIZATION, PERSONAL, ofThings } from './support/pages'
import { ORG, PRODUCT, TestServer } from './support/server'

const LOOKS: [string, Look][] = [
  ['light', {}],
  ['dark', { dark: true }],
  ['phone', { phone: true }],
]

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

/** Goes to each page and looks at it when it has come to rest. */
async function walk(look: Look, pages: readonly string[]): Promise<void> {
  const visitor = await Visitor.come(server, look)
  await visitor.logIn()
  for (const path of pages) {
    await visitor.page.goto(path)
    await visitor.page.locator('main h1').first().waitFor()
    // Until what it reads first has come: no placeholder is left.
    await visitor.page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'detached' })
    await visitor.expectAccessible(path)
    await visitor.expectFits(path)
  }
  visitor.expectWell()
  await visitor.leave()
}

describe('with nothing', () => {
  test.each(LOOKS)('%s', { timeout: 300_000 }, async (_, look) => {
    const { status } = await server.api('GET', server.product())
    if (status === 404) await server.must('POST', `/api/orgs/${ORG}/products`, { name: PRODUCT })
    await walk(look, [...PERSONAL, ...ORGANIZATION, ...OF_PRODUCT])
  })
})

describe('with one of each', () => {
  let things: { device: string; group: string; firmware: string }

  beforeAll(async () => {
    const { body } = await server.api('GET', server.product())
    expect(body.data.name).toBe(PRODUCT)
    const secrets = await server.fill()
    const firmware = await server.upload('rpi4-1.0.0')
    await server.must('PUT', server.product('/extensions'), { extensions: { health: true, logging: true, geo: true, local_shell: true } })
    await server.group('eu-prod', firmware)
    server.sim(secrets, 1, ['--prefix', 'one-', '--report-every', '2', '--firmware', server.fixture('rpi4-1.0.0')])
    await server.connected(1)
    await server.must('POST', server.product('/scripts'), { name: 'uptime', text: 'IO.puts("up")' })
    await server.must('POST', server.product('/webhooks'), { url: 'https://hooks.example.com/x', events: ['device_online'] }).catch(() => undefined)
    things = { device: 'one-000000', group: 'eu-prod', firmware }
  })

  test.each(LOOKS)('%s', { timeout: 300_000 }, async (_, look) => {
    await walk(look, [...PERSONAL, ...ORGANIZATION, ...OF_PRODUCT, ...ofThings(things)])
  })
})

describe('with 100,000 devices', () => {
  beforeAll(async () => {
    await server.fillDevices(100_000)
  }, 400_000)

  test('light', { timeout: 300_000 }, async () => {
    await walk({}, OF_PRODUCT)
  })
})
