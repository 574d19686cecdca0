/** A server that nobody has an organization on: the console greets, and makes the first one together with its product. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, TestServer } from './support/server'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
  // The first login comes with an organization; without it this is a server on which only people are.
  await server.must('DELETE', `/api/orgs/${ORG}`)
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('with no organization the console greets and makes the first, and its product', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.getByRole('heading', { name: /^Welcome, / }).waitFor()
  await visitor.expectAccessibleInAllLooks('a welcome')

  // A name that cannot be is refused at its field.
  await page.getByLabel('Organization').fill('no/slashes')
  await page.getByRole('button', { name: 'Make it' }).click()
  await page.getByRole('alert').waitFor()
  expect(await page.getByLabel('Organization').getAttribute('aria-invalid')).toBe('true')
  await page.getByLabel('Organization').fill('acme')
  await page.getByLabel('First product').fill('thermostat')
  await page.getByRole('button', { name: 'Make both' }).click()
  await page.waitForURL('**/o/acme/p/thermostat/**')
  await page.getByRole('heading', { name: 'No device has joined yet' }).waitFor()
  await visitor.expectAccessibleInAllLooks('the first product')

  // It is theirs to run, and the start page shows it from now on.
  const orgs = await server.must('GET', '/api/orgs')
  expect(orgs).toMatchObject([{ name: 'acme', role: 'admin' }])
  await page.goto('/')
  await page.getByRole('link', { name: 'thermostat' }).first().waitFor()
  expect(await page.getByRole('heading', { name: /^Welcome/ }).count()).toBe(0)

  // The next one is made in a dialog, which can be left as well.
  await page.getByRole('button', { name: 'New organization' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Make it' }).waitFor()
  await visitor.expectAccessibleInAllLooks('a new organization')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'detached' })
  visitor.expectWell()
  await visitor.leave()
})
