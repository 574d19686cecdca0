/** Devices that are not well: their alarms in the charts, found by a query, and made well by a firmware that is pushed to them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const P = `/o/${ORG}/p/${PRODUCT}`
const SICK = 'alarm_status = with and health_status = unhealthy'
let server: TestServer
let fix: string

beforeAll(async () => {
  server = await TestServer.start()
  const secrets = await server.makeProduct()
  await server.must('PUT', server.product('/extensions'), { extensions: { health: true } })
  await server.upload('rpi4-1.0.0')
  await server.upload('bbb-1.0.0')
  fix = await server.upload('rpi4-1.1.0')
  // Version 1.0.0 leaks memory: five devices run it, and two run another one.
  const sick = ['--sick-on', '1.0.0', '--report-every', '2']
  server.sim(secrets, 5, ['--prefix', 'leaky-', '--firmware', server.fixture('rpi4-1.0.0'), ...sick])
  server.sim(secrets, 2, ['--prefix', 'fine-', '--firmware', server.fixture('rpi4-1.1.0'), ...sick])
  await server.connected(7)
  await server.until('five devices are not well', async () => (await server.matching(SICK)) === 5)
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('alarms stand in the charts of a device while they are set', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices/leaky-000000/health`)
  await page.getByRole('list', { name: 'Alarms', exact: true }).getByText('Simulated.MemoryLeak').waitFor()
  await page.getByRole('list', { name: 'Alarms in this time' }).getByText('alarm Simulated.MemoryLeak').waitFor()
  await page.getByRole('img', { name: /^Memory.*Shaded while Simulated.MemoryLeak was set/ }).waitFor()
  // The shade is on the canvas: at the top of the plot stands a line in the colour of alarms.
  const shaded = await page.getByRole('img', { name: /^Memory/ }).locator('canvas').evaluate((c: HTMLCanvasElement) => {
    const pixels = c.getContext('2d')?.getImageData(0, 0, c.width, c.height).data ?? []
    let reds = 0
    for (let i = 0; i < pixels.length; i += 4) if ((pixels[i] ?? 0) > 150 && (pixels[i + 1] ?? 0) < 90 && (pixels[i + 2] ?? 0) < 90 && (pixels[i + 3] ?? 0) > 200) reds++
    return reds
  })
  expect(shaded).toBeGreaterThan(5)
  await visitor.expectAccessibleInAllLooks('alarms in charts')
  await page.goto(`${P}/devices/fine-000000/health`)
  await page.getByText('No alarm is set.').waitFor()
  await page.getByRole('img', { name: /^Memory/ }).waitFor()
  expect(await page.getByRole('list', { name: 'Alarms in this time' }).count()).toBe(0)
  visitor.expectWell()
  await visitor.leave()
})

test('the sick are found by a query and sent a fix, which one gets first', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices`)
  await page.getByLabel('Device query').fill(SICK)
  await page.getByText('5 match').waitFor()
  await visitor.expectAccessibleInAllLooks('a query of the sick')
  // One first, to see that it helps.
  await page.getByLabel('Select leaky-000000').check()
  await send(visitor, 1)
  await server.until('the first is well', async () => (await server.matching('identifier like "leaky-000000" and version = "1.1.0" and health_status = healthy')) === 1)

  // Then all that still match: the query leaves the first out by itself.
  await page.goto(`${P}/devices?q=${encodeURIComponent(SICK)}`)
  await page.getByText('4 match').waitFor()
  await page.getByLabel('Select all that match').check()
  await page.getByText('All 4 that match').waitFor()
  await send(visitor, 4)
  await visitor.expectAccessibleInAllLooks('a job that sends a fix')
  await server.until('nobody is sick', async () => (await server.matching(SICK)) === 0 && (await server.matching('version = "1.1.0"')) === 7)
  await page.goto(`${P}/devices?q=${encodeURIComponent(SICK)}`)
  await page.getByRole('heading', { name: 'No device matches' }).waitFor()
  await visitor.expectAccessibleInAllLooks('a query that nobody matches any more')
  expect(await server.matching('health_status = healthy')).toBeGreaterThanOrEqual(5)
  visitor.expectWell()
  await visitor.leave()
})

/** The bulk action that sends the fix to what is selected. */
async function send(visitor: Visitor, n: number): Promise<void> {
  const { page } = visitor
  await page.getByRole('button', { name: 'More to do with them' }).click()
  await page.getByRole('menuitem', { name: 'Send a firmware' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Firmware').selectOption(fix)
  await dialog.getByRole('button', { name: 'See what it would do' }).click()
  await dialog.getByText(`${n} would change`).waitFor()
  await visitor.expectAccessibleInAllLooks(`a preview of a fix for ${n}`)
  await dialog.getByRole('button', { name: new RegExp(`^Do it to ${n} device`) }).click()
  await page.waitForURL('**/jobs/*')
  await page.getByText(`${n} changed`).first().waitFor()
}
