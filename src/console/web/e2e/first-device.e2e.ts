/** From the first login to the first device: what somebody sees who has just started the server. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('the first login leads to the first device, which the page shows by itself', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await page.goto('/')
  await page.waitForURL('**/login*')
  await page.getByText('The first login was printed').waitFor()
  await page.getByLabel('Email').fill(server.email)
  await page.getByLabel('Password').fill('not the password')
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByText('The email or the password is wrong').waitFor()
  await visitor.logIn()

  await page.getByRole('link', { name: 'Products' }).first().click()
  await page.getByRole('button', { name: /product/i }).first().click()
  await page.getByLabel('Name').fill(PRODUCT)
  await page.getByRole('dialog').getByRole('button', { name: /^(Make|Create|Add)/ }).click()
  await page.waitForURL(`**/o/${ORG}/p/${PRODUCT}/**`)
  await page.goto(`/o/${ORG}/p/${PRODUCT}/overview`)
  await page.getByRole('heading', { name: 'No device has joined yet' }).waitFor()
  await visitor.expectAccessibleInAllLooks('a product without devices')

  const secret = await server.must('POST', server.product('/shared_secrets'), {})
  server.sim({ key: secret.key, secret: secret.secret }, 1, ['--prefix', 'first-'])
  await page.getByText('100 %').first().waitFor({ timeout: 60_000 })
  await page.getByRole('link', { name: 'Devices' }).first().click()
  await page.getByRole('link', { name: 'first-000000' }).click()
  await page.waitForURL('**/devices/first-000000/summary')
  await page.getByRole('heading', { name: /first-000000/ }).waitFor()
  visitor.expectWell()
  await visitor.leave()
})

test('a deep link survives the login, and leads nowhere else', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await page.goto(`/o/${ORG}/p/${PRODUCT}/devices?q=connection%20%3D%20connected`)
  await page.waitForURL('**/login?next=*')
  await page.getByLabel('Email').fill(server.email)
  await page.getByLabel('Password').fill(server.password)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.waitForURL(`**/o/${ORG}/p/${PRODUCT}/devices?q=*`)
  expect(await page.getByLabel('Device query').inputValue()).toBe('connection = connected')
  await visitor.leave()

  for (const next of ['https://evil.example/', '//evil.example/', '/\\evil.example/', 'javascript:alert(1)']) {
    const other = await Visitor.come(server)
    await other.page.goto('/login?next=' + encodeURIComponent(next))
    await other.page.getByLabel('Email').fill(server.email)
    await other.page.getByLabel('Password').fill(server.password)
    await other.page.getByRole('button', { name: 'Log in' }).click()
    await other.page.waitForURL((url) => !url.pathname.startsWith('/login'))
    expect(new URL(other.page.url()).origin, next).toBe(server.base)
    other.expectWell()
    await other.leave()
  }
})
