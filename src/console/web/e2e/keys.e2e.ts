/** Keys: everything that is done often is done without a mouse. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const P = `/o/${ORG}/p/${PRODUCT}`
let server: TestServer
let devices: ReturnType<TestServer['sim']>

beforeAll(async () => {
  server = await TestServer.start()
  const secrets = await server.makeProduct()
  await server.must('PUT', server.product('/extensions'), { extensions: { health: true } })
  devices = server.sim(secrets, 3, ['--prefix', 'key-', '--report-every', '2'])
  await server.connected(3)
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

const pinned = async (): Promise<string[]> => (await server.must('GET', '/api/users/me/pins')).map((p: { device: string }) => p.device).sort()

test('devices are pinned by p: the one under the cursor, those that are selected, and the one that is shown', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/overview`)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.keyboard.press('g')
  await page.keyboard.press('d')
  await page.waitForURL('**/devices')
  await page.getByRole('link', { name: 'key-000002' }).waitFor()
  // The first j goes into the list, the next to its second row.
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  await page.keyboard.press('p')
  await page.getByText('key-000001 is pinned.').waitFor()
  expect(await pinned()).toEqual(['key-000001'])
  await page.keyboard.press('p')
  await page.getByText('key-000001 is not pinned any more.').waitFor()
  expect(await pinned()).toEqual([])

  await page.keyboard.press('x')
  await page.keyboard.press('j')
  await page.keyboard.press('x')
  await page.getByText('2 devices selected').waitFor()
  await page.keyboard.press('p')
  await page.getByText('2 devices are pinned.').waitFor()
  expect(await pinned()).toEqual(['key-000001', 'key-000002'])
  await visitor.expectAccessibleInAllLooks('a selection')

  await page.getByRole('grid').focus()
  await page.keyboard.press('Home')
  await page.keyboard.press('Enter')
  await page.waitForURL('**/devices/key-000000/**')
  await page.getByRole('button', { name: 'Pin', exact: true }).waitFor()
  await page.keyboard.press('p')
  await page.getByRole('button', { name: 'Unpin' }).waitFor()
  expect(await pinned()).toEqual(['key-000000', 'key-000001', 'key-000002'])
  visitor.expectWell()
  await visitor.leave()
})

test('the list of keys names them, and none acts while somebody types or a dialog is open', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices`)
  await page.getByRole('link', { name: 'key-000002' }).waitFor()
  await page.keyboard.press('?')
  const dialog = page.getByRole('dialog')
  for (const key of ['/', 'p', 't f', 'Shift X', 'g d']) await dialog.getByText(key, { exact: true }).waitFor()
  await visitor.expectAccessibleInAllLooks('the list of keys')
  await page.keyboard.press('p')
  expect(await pinned()).toHaveLength(3)
  await page.keyboard.press('Escape')
  await dialog.waitFor({ state: 'detached' })
  await page.keyboard.press('/')
  await page.keyboard.type('pgdtf')
  expect(await page.getByLabel('Device query').inputValue()).toBe('pgdtf')
  expect(await page.getByRole('button', { name: /let time go on/ }).count()).toBe(0)
  visitor.expectWell()
  await visitor.leave()
})

test('rows of every list are walked by j and k', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  for (const name of ['one', 'two']) await server.must('POST', server.product('/scripts'), { name, text: 'IO.puts("x")' })
  await visitor.logIn()
  await page.goto(`${P}/scripts`)
  const rows = page.locator('main tbody tr')
  await rows.nth(1).waitFor()
  const focused = () => page.evaluate(() => [...document.querySelectorAll('main tbody tr')].findIndex((r) => r.contains(document.activeElement)))
  await page.keyboard.press('j')
  expect(await focused()).toBe(0)
  await page.keyboard.press('j')
  expect(await focused()).toBe(1)
  await page.keyboard.press('k')
  expect(await focused()).toBe(0)
  visitor.expectWell()
  await visitor.leave()
})

test('t f freezes the page while the fleet goes on, and the address keeps the moment', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices/key-000000/health`)
  await page.getByRole('img').first().waitFor()
  await page.keyboard.press('t')
  await page.keyboard.press('f')
  await page.waitForURL('**/health?until=*')
  await visitor.expectAccessibleInAllLooks('a frozen chart')
  await page.keyboard.press('t')
  await page.keyboard.press('f')
  await page.waitForURL('**/health')

  await page.goto(`${P}/devices`)
  await page.getByText('online').nth(2).waitFor()
  await page.keyboard.press('t')
  await page.keyboard.press('f')
  await page.getByRole('button', { name: /let time go on/ }).waitFor()
  devices.kill('SIGKILL')
  await server.until('the devices are gone', async () => {
    const { body } = await server.api('GET', server.product('/devices?filters[connection]=connected'))
    return body.pagination.total_entries === 0
  })
  await page.waitForTimeout(1500)
  expect(await page.getByRole('grid').getByText('online').count()).toBe(3)
  await page.getByRole('button', { name: /let time go on/ }).click()
  await page.getByRole('grid').getByText('offline').nth(2).waitFor()
  visitor.expectWell()
  await visitor.leave()
})
