/** Somebody registers, comes in by a mailed link, and later changes the address, with a mail server that takes the mails. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { Inbox } from './support/mail'
import { TestServer } from './support/server'

const PASSWORD = 'correct horse battery'
let server: TestServer
let inbox: Inbox

beforeAll(async () => {
  inbox = await Inbox.open()
  const mail = ['--smtp-url', inbox.url, '--mail-from', 'Nervecenter <ota@example.com>']
  server = await TestServer.start({ named: true, more: [...mail, '--open-for-registrations', 'on'] })
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
  inbox?.close()
})

test('an account is made by a mailed link, and its address is changed by another', async () => {
  const ann = await Visitor.come(server)
  const { page } = ann
  await page.goto('/login')
  await page.getByRole('link', { name: 'Create an account' }).click()
  await page.getByLabel('Name').fill('Ann Other')
  await page.getByLabel('Email').fill('ann@example.com')
  await ann.expectAccessible('registration')
  await page.getByRole('button', { name: 'Send me a link' }).click()
  await page.getByText('A mail to ann@example.com is on its way').waitFor()
  await page.goto(await inbox.link('ann@example.com', 'Your account', '/confirm/'))
  await page.getByLabel(/Password/).fill('short')
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('alert').getByText(/12 to/).waitFor()
  await page.getByLabel(/Password/).fill(PASSWORD)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByText('Your account is there').waitFor()
  await ann.logIn('Ann@Example.com', PASSWORD)

  await page.goto('/account/profile')
  await page.getByLabel('New email').fill('new@example.com')
  await page.getByLabel('Your password').fill('wrong')
  await page.getByRole('button', { name: 'Change the address' }).click()
  await page.getByRole('alert').waitFor()
  await page.getByLabel('Your password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Change the address' }).click()
  await page.getByText('new@example.com waits to be confirmed').waitFor()
  await ann.expectAccessible('an address that waits')
  const tab = await ann.tab()
  await tab.goto(await inbox.link('new@example.com', 'Confirm your new address', '/confirm/'))
  await tab.getByRole('button', { name: 'Confirm address' }).click()
  await tab.getByText('counts from now on').waitFor()
  await tab.close()
  await page.reload()
  await page.getByRole('textbox', { name: 'Email', exact: true }).and(page.locator('[value="new@example.com"]')).waitFor()

  // The old address takes it back, which ends what was logged in.
  await page.goto(await inbox.link('ann@example.com', 'Your address was changed', '/confirm/'))
  await page.getByRole('button', { name: 'Take it back' }).click()
  await page.getByText('The change is taken back').waitFor()
  await page.goto('/account/profile')
  await page.waitForURL(/login/)
  ann.expectWell()
  await ann.leave()
})

test('a closed server asks for an invitation, on a phone as well', async () => {
  const closed = await TestServer.start()
  const visitor = await Visitor.come(closed, { phone: true })
  await visitor.page.goto('/login')
  await visitor.page.getByText('The first login was printed').waitFor()
  expect(await visitor.page.getByRole('link', { name: 'Create an account' }).count()).toBe(0)
  await visitor.page.goto('/register')
  await visitor.page.getByText('Registration is closed on this server').waitFor()
  await visitor.expectAccessible('closed registration')
  await visitor.expectFits('closed registration')
  await visitor.logIn()
  await visitor.page.goto('/account/profile')
  await visitor.page.getByText('This server sends no mail').waitFor()
  await visitor.expectFits('profile')
  visitor.expectWell()
  await visitor.leave()
  await closed.stop()
})
