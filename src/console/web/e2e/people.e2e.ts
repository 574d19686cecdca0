/** People: invited, given a role, secured by a second factor. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, TestServer } from './support/server'
import { totp } from './support/totp'

const EVE = { email: 'eve@example.com', password: 'correct horse battery' }
let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
  await server.makeProduct()
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('somebody is invited, may look and not touch, and is let do more', async () => {
  const admin = await Visitor.come(server)
  await admin.logIn()
  await admin.page.goto(`/o/${ORG}/settings/members`)
  await admin.page.getByRole('button', { name: /Invite/ }).first().click()
  await admin.page.getByLabel('Email').fill(EVE.email)
  await admin.page.getByRole('dialog').getByRole('button', { name: 'Invite' }).click()
  const link = (await admin.page.getByRole('dialog').locator('pre').innerText()).trim()
  expect(link).toContain('/invite/')

  const eve = await Visitor.come({ base: server.base, ...EVE })
  await eve.page.goto(link)
  await eve.page.getByLabel(/name/i).fill('Eve')
  await eve.page.getByLabel(/Password/).fill(EVE.password)
  await eve.page.getByRole('button', { name: 'Join' }).click()
  await eve.page.getByText(/You are a member/).waitFor()
  await eve.logIn(EVE.email, EVE.password)
  await eve.page.goto(`/o/${ORG}/settings/keys`)
  await eve.page.getByText(/takes the role manage/).first().waitFor()
  expect(await eve.page.getByRole('button', { name: /key/i }).first().isDisabled()).toBe(true)

  await admin.page.getByRole('button', { name: 'Done' }).click()
  await admin.page.reload()
  await admin.page.getByRole('row', { name: /eve@example.com/ }).getByRole('combobox').selectOption('manage')
  await server.until('eve may manage', async () => {
    const member = await server.must('GET', `/api/orgs/${ORG}/users/${EVE.email}`)
    return member.role === 'manage'
  })
  await eve.page.reload()
  await eve.page.getByRole('button', { name: /key/i }).first().waitFor()
  await eve.page.waitForFunction(() => !document.body.innerText.includes('takes the role manage'))
  admin.expectWell()
  eve.expectWell()
  await admin.leave()
  await eve.leave()
})

test('a second factor is set up, asked for at the login, and wrong codes get nobody in', async () => {
  const eve = await Visitor.come({ base: server.base, ...EVE })
  const { page } = eve
  await eve.logIn()
  await page.goto('/account/security')
  await page.getByRole('button', { name: 'Set it up' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/password/i).fill(EVE.password)
  const [answer] = await Promise.all([
    page.waitForResponse((r) => r.url().endsWith('/api/users/me/totp') && r.request().method() === 'POST'),
    dialog.getByRole('button', { name: 'Go on' }).click(),
  ])
  const { secret } = (await answer.json()).data
  await eve.expectAccessibleInAllLooks('the secret of a second factor')
  await dialog.getByLabel('Code', { exact: true }).fill(totp(secret))
  await dialog.getByRole('button', { name: 'Switch it on' }).click()
  await dialog.getByRole('heading', { name: /recovery codes/i }).waitFor()
  await eve.leave()

  const again = await Visitor.come({ base: server.base, ...EVE })
  await again.page.goto('/login')
  await again.page.getByLabel('Email').fill(EVE.email)
  await again.page.getByLabel('Password').fill(EVE.password)
  await again.page.getByRole('button', { name: 'Log in' }).click()
  await again.page.getByRole('heading', { name: 'Second factor' }).waitFor()
  await again.page.getByLabel('Code').fill('000000')
  await again.page.getByRole('button', { name: 'Go on' }).click()
  await again.page.getByRole('alert').waitFor()
  // A code is good once: the next one is that of the next half minute.
  await again.page.getByLabel('Code').fill(totp(secret, Date.now() + 30_000))
  await again.page.getByRole('button', { name: 'Go on' }).click()
  await again.page.waitForURL((url) => !url.pathname.startsWith('/login'))
  again.expectWell()
  await again.leave()
})

test('a member leaves the organization, and the only administrator is told why not', async () => {
  const admin = await Visitor.come(server)
  await admin.logIn()
  await admin.page.goto(`/o/${ORG}/settings/general`)
  const leave = async (visitor: Visitor) => {
    await visitor.page.getByRole('button', { name: 'Leave…' }).click()
    const dialog = visitor.page.getByRole('alertdialog')
    await dialog.getByRole('textbox').fill(ORG)
    await dialog.getByRole('button', { name: 'Leave it' }).click()
  }
  await leave(admin)
  await admin.page.getByText(/is the last administrator of/).first().waitFor()
  await admin.expectAccessibleInAllLooks('leaving that is refused')
  await admin.leave()

  const joe = { email: 'joe@example.com', password: 'correct horse battery' }
  const { url } = await server.must('POST', `/api/orgs/${ORG}/invites`, { email: joe.email, role: 'view' })
  const member = await Visitor.come({ base: server.base, ...joe })
  await member.page.goto(url)
  await member.page.getByLabel(/name/i).fill('Joe')
  await member.page.getByLabel(/Password/).fill(joe.password)
  await member.page.getByRole('button', { name: 'Join' }).click()
  await member.page.getByText(/You are a member/).waitFor()
  await member.logIn(joe.email, joe.password)
  await member.page.goto(`/o/${ORG}/settings/general`)
  await leave(member)
  await member.page.getByRole('heading', { name: 'Welcome, Joe' }).waitFor()
  const left = await server.must('GET', `/api/orgs/${ORG}/users`)
  expect(left.map((m: { email: string }) => m.email)).not.toContain(joe.email)
  member.expectWell()
  await member.leave()
})
