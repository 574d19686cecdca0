/** An overview that stays open over a live fleet: `npm run soak`, an hour with 10,000 devices unless SOAK_MINUTES and SOAK_DEVICES say
 * otherwise. Prints the memory of browser and server every few minutes; neither may grow once the fleet is there. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const DEVICES = Number(process.env.SOAK_DEVICES ?? 10_000)
const MINUTES = Number(process.env.SOAK_MINUTES ?? 60)
/** Looks in the whole time. */
const LOOKS = 12
/** How much the memory of the page, in MB, and of the server, as a share, may grow from the first third to the last. */
const PAGE_GROWTH = 5
const SERVER_GROWTH = 0.1

let server: TestServer
let secrets: { key: string; secret: string }

beforeAll(async () => {
  server = await TestServer.start()
  secrets = await server.makeProduct()
  await server.must('PUT', server.product('/extensions'), { extensions: { health: true } })
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

/** MB of a process that are in memory. */
function resident(pid: number): number {
  const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(found?.[1] ?? 0) / 1024
}

test('memory stays flat', { timeout: (MINUTES + 10) * 60_000 }, async () => {
  server.sim(secrets, DEVICES, ['--prefix', 'soak-', '--report-every', '60'])
  await server.connected(DEVICES, 300_000)
  const visitor = await Visitor.come(server)
  await visitor.logIn()
  await visitor.page.goto(`/o/${ORG}/p/${PRODUCT}/overview`)
  await visitor.page.locator('main h1').first().waitFor()
  const looks: { page: number; server: number }[] = []
  for (let n = 0; n <= LOOKS; n++) {
    const page = await visitor.page.evaluate(() => {
      ;(window as unknown as { gc?: () => void }).gc?.()
      return (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize / 1e6
    })
    const look = { page, server: resident(server.pid) }
    looks.push(look)
    console.log(`${((n * MINUTES) / LOOKS).toFixed(0)} min: page ${look.page.toFixed(1)} MB, server ${look.server.toFixed(0)} MB`)
    if (n < LOOKS) await visitor.page.waitForTimeout((MINUTES * 60_000) / LOOKS)
  }
  const mean = (of: 'page' | 'server', some: typeof looks) => some.reduce((sum, look) => sum + look[of], 0) / some.length
  const third = Math.floor(looks.length / 3)
  const [first, last] = [looks.slice(1, third + 1), looks.slice(-third)]
  expect(mean('page', last) - mean('page', first), 'MB that the page grew').toBeLessThan(PAGE_GROWTH)
  expect(mean('server', last) / mean('server', first) - 1, 'share that the server grew').toBeLessThan(SERVER_GROWTH)
  expect(await visitor.page.locator('main').innerText()).toContain(DEVICES.toLocaleString('en-US'))
  visitor.expectWell()
  await visitor.leave()
})
