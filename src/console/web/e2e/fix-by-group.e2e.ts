/** A fix that goes by a deployment group, and a device that rests in the penalty box, let out by a click. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const P = `/o/${ORG}/p/${PRODUCT}`
const SICK = 'alarm contains MemoryLeak'
let server: TestServer
let fix: string

beforeAll(async () => {
  server = await TestServer.start()
  const secrets = await server.makeProduct()
  await server.must('PUT', server.product('/extensions'), { extensions: { health: true } })
  const old = await server.upload('rpi4-1.0.0')
  fix = await server.upload('rpi4-1.1.0')
  await server.group('hotfix', old, { conditions: { version: '', tags: ['hotfix'] }, stop_when_worse: false })
  const sick = ['--sick-on', '1.0.0', '--report-every', '2', '--firmware', server.fixture('rpi4-1.0.0')]
  server.sim(secrets, 3, ['--prefix', 'leaky-', ...sick])
  // On this one no update ever validates.
  server.sim(secrets, 1, ['--prefix', 'stuck-', '--bad-share', '1', ...sick])
  await server.connected(4)
  await server.until('four devices are not well', async () => (await server.matching(SICK)) === 4)
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('the sick are put into a group by a query, and its release makes them well', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices?q=${encodeURIComponent(SICK)}`)
  await page.getByText('4 match').waitFor()
  await page.getByLabel('Select all that match').check()
  await page.getByRole('button', { name: 'Group', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Deployment group').selectOption('hotfix')
  await dialog.getByRole('button', { name: 'See what it would do' }).click()
  await dialog.getByText('4 would change').waitFor()
  await visitor.expectAccessibleInAllLooks('a preview of a group')
  await dialog.getByRole('button', { name: 'Do it to 4 devices' }).click()
  await page.waitForURL('**/jobs/*')
  await page.getByText('4 changed').first().waitFor()

  await page.goto(`${P}/groups/hotfix/release?step=4&firmware=${fix}`)
  await page.getByLabel(/hotfix/).last().fill('hotfix')
  await visitor.expectAccessibleInAllLooks('a release that is checked')
  await page.getByRole('button', { name: /^Release/ }).click()
  await page.waitForURL('**/groups/hotfix/live*', { timeout: 60_000 })
  await server.until('three are well', async () => (await server.matching(SICK)) === 1 && (await server.matching('version = "1.1.0" and health_status = healthy')) === 3)
  await page.getByText('3 run it').first().waitFor({ timeout: 60_000 })
  await visitor.expectAccessibleInAllLooks('a release that made devices well')
  visitor.expectWell()
  await visitor.leave()
})

test('a device in the penalty box says so, and is let out by a click', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  const device = async () => server.must('GET', server.product('/devices/stuck-000000'))
  await server.until('it rests', async () => (await device()).updates_blocked_until !== null)
  // The group rests too, so that the device is not offered the release again at once.
  await server.must('POST', server.product('/deployments/hotfix/pause'), { reason: 'to look at one' })
  await visitor.logIn()
  // A release does not reach it now, and its forecast says so where it says when all is sent.
  await page.goto(`${P}/groups/hotfix/release?step=4&firmware=${fix}`)
  await page.getByRole('row', { name: /^1 Everyone / }).getByRole('cell', { name: 'later', exact: true }).waitFor()
  await page.getByText('are in the penalty box').waitFor()
  await visitor.expectAccessibleInAllLooks('a release that is sent later')
  await page.goto(`${P}/devices/stuck-000000/summary`)
  await page.getByText('in the penalty box').first().waitFor()
  await visitor.expectAccessibleInAllLooks('a device in the penalty box')
  await page.getByRole('button', { name: 'More actions for stuck-000000' }).click()
  await page.getByRole('menuitem', { name: /Let it out of the penalty box/ }).click()
  await visitor.expectAccessibleInAllLooks('a question about the penalty box')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Let it out' }).click()
  await page.getByText('stuck-000000 may be updated again.').waitFor()
  await page.getByText('in the penalty box').first().waitFor({ state: 'detached' })
  expect((await device()).updates_blocked_until).toBe(null)
  const log = JSON.stringify(await server.must('GET', server.product('/devices/stuck-000000/audit_logs')))
  expect(log).toContain('penalty')
  visitor.expectWell()
  await visitor.leave()
})

test('the reason why it is not updated has the way out beside it', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  const device = async () => server.must('GET', server.product('/devices/stuck-000000'))
  await server.must('POST', server.product('/deployments/hotfix/resume'), { reason: 'again' })
  await server.until('it rests again', async () => (await device()).updates_blocked_until !== null)
  await visitor.logIn()
  await page.goto(`${P}/devices/stuck-000000/summary`)
  await page.getByRole('button', { name: 'Let it out…' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Let it out' }).click()
  await page.getByText('stuck-000000 may be updated again.').waitFor()
  visitor.expectWell()
  await visitor.leave()
})
