/** Devices side by side: "why does this one fail, and that one not?" */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const P = `/o/${ORG}/p/${PRODUCT}`
let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
  const secrets = await server.makeProduct()
  await server.must('PUT', server.product('/extensions'), { extensions: { health: true, logging: true } })
  await server.upload('rpi4-1.0.0')
  server.sim(secrets, 3, ['--prefix', 'old-', '--report-every', '2', '--firmware', server.fixture('rpi4-1.0.0')])
  server.sim(secrets, 1, ['--prefix', 'new-', '--report-every', '2', '--firmware', server.fixture('rpi4-1.1.0')])
  await server.connected(4)
  await server.must('PUT', server.product('/devices/new-000000'), { tags: ['canary'], extensions: { logging: false } })
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('devices that are selected stand side by side, and what differs is marked', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices`)
  await page.getByLabel('Select new-000000').check()
  expect(await page.getByRole('button', { name: 'Compare' }).isDisabled()).toBe(true)
  await page.getByLabel('Select old-000000').check()
  await page.getByLabel('Select old-000001').check()
  await page.getByRole('link', { name: 'Compare' }).click()
  await page.waitForURL('**/devices/compare?ids=*')
  await page.getByRole('heading', { name: 'Compare 3 devices' }).waitFor()

  const fact = (name: string) => page.getByRole('row').filter({ has: page.getByRole('rowheader', { name: new RegExp(`^${name} *(differs|same)`) }) })
  for (const name of ['Version', 'Tags', 'Logs']) {
    await fact(name).getByText('differs').waitFor()
    await fact(name).getByText('unlike most').waitFor()
  }
  for (const name of ['Platform', 'Now', 'Health']) await fact(name).getByText('same').waitFor()
  expect(await fact('Version').getByRole('cell').allInnerTexts()).toEqual(['1.1.0\nunlike most', '1.0.0', '1.0.0'])
  await visitor.expectAccessibleInAllLooks('a comparison')

  await page.getByLabel('Only what differs').check()
  await page.waitForURL('**only=differences*')
  await fact('Platform').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Leave old-000001 out' }).click()
  await page.getByRole('heading', { name: 'Compare 2 devices' }).waitFor()
  // Of two nobody can say which is the odd one.
  await page.getByText('unlike most').first().waitFor({ state: 'detached' })
  await page.reload()
  await fact('Version').getByText('differs').waitFor()
  visitor.expectWell()
  await visitor.leave()
})

test('an address with too few, unknown or too many devices says so', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${P}/devices/compare`)
  await page.getByRole('heading', { name: 'Which devices?' }).waitFor()
  await page.goto(`${P}/devices/compare?ids=old-000000,nobody,old-000001`)
  await page.getByText('This product has no device nobody.').waitFor()
  await page.goto(`${P}/devices/compare?ids=a,b,c,d,e,f`)
  await page.getByText('At most 5 devices are compared').waitFor()
  await visitor.expectAccessibleInAllLooks('nothing to compare')
  visitor.expectWell()
  await visitor.leave()
})
