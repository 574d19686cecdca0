/** A release from the upload to the rollback: steps, a gate that stops it, failures by reason, a fix for those that failed. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const P = `/o/${ORG}/p/${PRODUCT}`
let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
  const secrets = await server.makeProduct()
  const old = await server.upload('rpi4-1.0.0')
  await server.group('eu-prod', old)
  // Six that are well, and six on which no update ever validates.
  server.sim(secrets, 6, ['--prefix', 'good-', '--firmware', server.fixture('rpi4-1.0.0')])
  server.sim(secrets, 6, ['--prefix', 'weak-', '--bad-share', '1', '--firmware', server.fixture('rpi4-1.0.0')])
  await server.connected(12)
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('upload, release in steps, watch, stop at the failures, find them, roll back', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()

  await page.goto(`${P}/firmware`)
  await page.locator('input[type=file]').first().setInputFiles(server.fixture('rpi4-1.1.0'))
  await page.getByRole('link', { name: '1.1.0' }).first().waitFor({ timeout: 60_000 })
  const firmware = await server.must('GET', server.product('/firmwares'))
  const uuid = firmware.find((f: { version: string }) => f.version === '1.1.0').uuid

  // A workflow whose only step tolerates one failure.
  const workflow = { version: 1, steps: [{ name: 'Everyone', failure_tolerance: { devices: 1 }, concurrent_updates: 4 }] }
  await server.must('PUT', server.product('/deployments/eu-prod'), { deployment: { workflow, stop_when_worse: false } })

  await page.goto(`${P}/groups`)
  await page.getByRole('link', { name: 'eu-prod' }).first().click()
  await page.getByRole('link', { name: 'New release' }).click()
  await page.getByText('1.1.0').first().waitFor()
  await page.goto(`${P}/groups/eu-prod/release?step=4&firmware=${uuid}`)
  await page.getByLabel(/eu-prod/).last().fill('eu-prod')
  await page.getByRole('button', { name: /^Release/ }).click()
  await page.waitForURL('**/groups/eu-prod/live*', { timeout: 60_000 })

  // It stops by itself, and says so without a reload.
  await page.getByText(/stopped/).first().waitFor({ timeout: 90_000 })
  await page.getByText(/devices? failed/).first().waitFor()
  // What it exceeded does not stand among what it keeps to.
  await page.getByText(/Over its limit: \d failed, 1 tolerated/).waitFor()
  expect(await page.locator('li li').getByText('failed, 1 tolerated').count()).toBe(0)
  await visitor.expectAccessibleInAllLooks('a group that stopped')
  visitor.expectWell()

  // The devices behind it are found from here, and the way back is taken with a reason.
  const failures = await server.must('GET', server.product('/deployments/eu-prod/failures?by=reason'))
  expect(failures.length).toBeGreaterThan(0)
  await page.goto(`${P}/groups/eu-prod/releases`)
  await page.getByRole('button', { name: /Roll back/ }).first().click()
  const dialog = page.getByRole('alertdialog')
  await dialog.getByLabel(/Reason/).fill('checksum failures in the field')
  const typed = dialog.getByLabel(/^Type/)
  if (await typed.count()) await typed.fill('eu-prod')
  await dialog.getByRole('button', { name: /Roll back/ }).click()
  await server.until('release 3 takes release 2 back', async () => {
    const group = await server.must('GET', server.product('/deployments/eu-prod'))
    return group.current_release.number === 3 && group.current_release.firmware.version === '1.0.0'
  })
  const log = await server.must('GET', server.product('/deployments/eu-prod/audit_logs'))
  expect(JSON.stringify(log)).toContain('checksum failures in the field')
  visitor.expectWell()
  await visitor.leave()
})

test('failing devices are found by a query, and changed together after a look', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices`)
  await page.getByLabel('Device query').fill('identifier like "weak-%"')
  await page.getByText('6 match').waitFor()
  await page.getByRole('grid').focus()
  await page.keyboard.press('Shift+X')
  await page.getByText('All 6 that match').waitFor()
  await page.getByRole('button', { name: 'Add tags' }).click()
  await page.getByLabel('Tags').last().fill('weak, recall')
  await page.getByRole('button', { name: 'See what it would do' }).click()
  await page.getByText('6 would change').waitFor()
  await page.getByText('weak-000000, weak-000001').waitFor()
  await page.getByRole('button', { name: 'Do it to 6 devices' }).click()
  await page.waitForURL('**/jobs/*')
  await page.getByText('6 changed').first().waitFor()
  await visitor.expectAccessibleInAllLooks('a job')
  const tagged = await server.must('GET', server.product('/devices?query=tags%20contains%20recall'))
  expect(tagged.length).toBe(6)
  // And back.
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('button', { name: 'Undo it' }).click()
  await server.until('the tags are gone', async () => {
    const { body } = await server.api('GET', server.product('/devices?query=tags%20contains%20recall'))
    return body.errors !== undefined || body.data.length === 0
  })
  visitor.expectWell()
  await visitor.leave()
})
