/** A script is run over devices: from the scripts page to the list, previewed, watched as a job, and its outputs taken along as a file. */
import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const P = `/o/${ORG}/p/${PRODUCT}`
let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
  const secrets = await server.makeProduct()
  await server.upload('rpi4-1.0.0')
  await server.must('POST', server.product('/scripts'), { name: 'who', text: 'IO.puts(Nerves.Runtime.serial_number())', tags: ['info'] })
  server.sim(secrets, 3, ['--prefix', 'near-', '--firmware', server.fixture('rpi4-1.0.0')])
  await server.connected(3)
  for (const identifier of ['far-1', 'far-2']) await server.must('POST', server.product('/devices'), { identifier, tags: ['far'] })
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('a script runs on all that a query finds, and the outputs are a file', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/scripts`)
  await page.getByRole('link', { name: 'Run who on many devices' }).click()
  await page.getByText('Select the devices that run who').waitFor()
  await page.getByLabel('Select all that match').check()
  await visitor.expectAccessibleInAllLooks('devices for a script')
  await page.getByRole('button', { name: 'Run who', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('IO.puts(Nerves.Runtime.serial_number())').waitFor()
  await dialog.getByLabel('Wait for each answer at most').selectOption('10000')
  await visitor.expectAccessibleInAllLooks('a script for many')
  await dialog.getByRole('button', { name: 'See what it would do' }).click()
  await dialog.getByText('5 devices of the query, 3 would run it').waitFor()
  await dialog.getByText('2 devices would be refused: is not connected').waitFor()
  await visitor.expectAccessibleInAllLooks('a preview of a script')
  await dialog.getByRole('button', { name: 'Run it on 3 devices' }).click()
  await page.waitForURL('**/jobs/*')
  await page.getByRole('heading', { name: 'Run the script who' }).waitFor()
  await page.getByText('3 answered').first().waitFor()
  await page.getByText('simulated device near-000001 with 1.0.0').first().waitFor()
  await page.getByText('is not connected').first().waitFor()
  await visitor.expectAccessibleInAllLooks('a job with outputs')
  await page.getByText('simulated device near-000001 with 1.0.0').first().click()
  await page.getByLabel('Output of near-000001').getByText(':ok').waitFor()
  const coming = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download CSV' }).click()
  const download = await coming
  expect(download.suggestedFilename()).toBe('job-results.csv')
  const file = await readFile(await download.path(), 'utf8')
  const lines = file.split('\r\n')
  expect(lines[0]).toBe('identifier,outcome,reason,output')
  expect(lines).toHaveLength(7)
  expect(file).toContain('near-000000,changed,,"simulated device near-000000 with 1.0.0\n\n:ok"')
  expect(file).toContain('far-1,refused,is not connected,')
  // Only those that were refused.
  await page.getByLabel('Which devices').selectOption('refused')
  await page.getByRole('link', { name: 'near-000000' }).waitFor({ state: 'detached' })
  await page.goto(`${P}/jobs`)
  await page.getByRole('link', { name: 'Run the script who' }).waitFor()
  visitor.expectWell()
  await visitor.leave()
})

test('a viewer may run scripts, and change nothing else', async () => {
  const viewer = await server.invited('viewer@example.org', 'view')
  const visitor = await Visitor.come(viewer)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices`)
  await page.getByLabel('Select near-000002').check()
  await page.getByText('To change devices takes the role manage; you may run scripts on them.').waitFor()
  await page.getByRole('button', { name: 'More to do with them' }).click()
  expect(await page.getByRole('menuitem', { name: 'Reboot' }).getAttribute('aria-disabled')).toBe('true')
  await page.getByRole('menuitem', { name: 'Run a script' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Script', { exact: true }).selectOption('who')
  await dialog.getByRole('button', { name: 'See what it would do' }).click()
  await dialog.getByRole('button', { name: 'Run it on 1 device', exact: true }).click()
  await page.waitForURL('**/jobs/*')
  await page.getByText('1 answered').first().waitFor()
  await page.getByText('simulated device near-000002 with 1.0.0').first().waitFor()
  visitor.expectWell()
  await visitor.leave()
})
