/** A person at the console of a device: types, sends a file, and is told when the device goes. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const P = `/o/${ORG}/p/${PRODUCT}`
let server: TestServer
let device: ReturnType<TestServer['sim']>

beforeAll(async () => {
  server = await TestServer.start()
  const secrets = await server.makeProduct()
  await server.must('PUT', server.product('/extensions'), { extensions: { health: true, logging: true, local_shell: true } })
  device = server.sim(secrets, 1, ['--prefix', 'term-', '--report-every', '2'])
  await server.connected(1)
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('the console of a device answers, takes a file, and says when the device is gone', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices/term-000000/console`)
  const screen = page.locator('.xterm')
  await screen.waitFor()
  await page.getByText('open', { exact: true }).waitFor()
  await screen.click()
  await page.keyboard.type('1 + 1')
  await page.keyboard.press('Enter')
  await page.waitForFunction(() => document.querySelector('.xterm')?.textContent?.includes('1 + 1'))
  await visitor.expectAccessibleInAllLooks('a console')

  await page.locator('input[type=file]').first().setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('hello '.repeat(20_000)) })
  await page.getByText('notes.txt').first().waitFor()
  await page.getByText(/sent|received|done|100 %/i).first().waitFor()

  device.kill('SIGKILL')
  await page.getByText(/offline|not connected/i).first().waitFor({ timeout: 60_000 })
  visitor.expectWell()
  await visitor.leave()
})

test('health and logs of a device come by themselves', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices/term-000000/health`)
  await page.getByRole('img').first().waitFor()
  await page.goto(`${P}/devices/term-000000/logs`)
  await expect.poll(() => page.getByRole('row').count(), { timeout: 30_000 }).toBeGreaterThan(1)
  visitor.expectWell()
  await visitor.leave()
})
