/** Passkeys, with the authenticator that Chromium has for tests: added, used in place of a password and after it, and removed. */
import type { CDPSession } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { TestServer } from './support/server'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start({ named: true })
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

/** Gives the page's browser an authenticator that a finger unlocks, or does not; answers how to speak of it. */
async function authenticator(visitor: Visitor): Promise<{ cdp: CDPSession; id: string }> {
  const cdp = await visitor.context.newCDPSession(visitor.page)
  await cdp.send('WebAuthn.enable')
  const options = {
    protocol: 'ctap2',
    transport: 'internal',
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified: true,
    automaticPresenceSimulation: true,
  } as const
  const { authenticatorId: id } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options })
  return { cdp, id }
}

async function signOut(visitor: Visitor): Promise<void> {
  await visitor.context.clearCookies()
  await visitor.page.goto('/login')
  await visitor.page.getByRole('heading', { name: 'Log in' }).waitFor()
}

async function inside(visitor: Visitor): Promise<void> {
  await visitor.page.waitForURL((url) => !url.pathname.startsWith('/login'))
}

test('a passkey is added, logs its person in, is asked for after the password, and is removed', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  const { cdp, id } = await authenticator(visitor)
  await visitor.logIn()
  await page.goto('/account/security')
  await page.getByText('You have none yet.').waitFor()
  await page.getByRole('button', { name: 'Add a passkey…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Your password').fill('wrong')
  await dialog.getByRole('button', { name: 'Add it' }).click()
  await dialog.getByRole('alert').waitFor()
  await dialog.getByLabel('Your password').fill(server.password)
  await dialog.getByLabel('Name').fill('laptop')
  await visitor.expectAccessible('adding a passkey')
  await dialog.getByRole('button', { name: 'Add it' }).click()
  await dialog.getByRole('heading', { name: 'Keep your recovery codes' }).waitFor()
  const recovery = await dialog.locator('li code').first().innerText()
  await dialog.getByLabel('I have kept them').check()
  await dialog.getByRole('button', { name: 'Done' }).click()
  await page.getByRole('row', { name: /laptop.*never/ }).waitFor()
  await visitor.expectAccessible('a list of passkeys')
  const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId: id })
  expect(credentials[0]).toMatchObject({ isResidentCredential: true, rpId: 'localhost' })

  // In place of a password.
  await signOut(visitor)
  await page.getByRole('button', { name: 'Log in with a passkey' }).click()
  await inside(visitor)

  // After it, and not without.
  await signOut(visitor)
  await page.getByLabel('Email').fill(server.email)
  await page.getByLabel('Password').fill(server.password)
  await page.getByRole('button', { name: 'Log in', exact: true }).click()
  await page.getByRole('heading', { name: 'Second factor' }).waitFor()
  await visitor.expectAccessible('a second step')
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: false })
  await page.getByRole('button', { name: 'Use your passkey' }).click()
  await page.getByText('No passkey was given').waitFor()
  await cdp.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: true })
  await page.getByRole('button', { name: 'Use your passkey' }).click()
  await inside(visitor)

  // Whoever has lost it has the recovery codes.
  await signOut(visitor)
  await page.getByLabel('Email').fill(server.email)
  await page.getByLabel('Password').fill(server.password)
  await page.getByRole('button', { name: 'Log in', exact: true }).click()
  await page.getByLabel('Recovery code').fill(recovery)
  await page.getByRole('button', { name: 'Go on' }).click()
  await inside(visitor)

  await page.goto('/account/security')
  await page.getByRole('button', { name: 'Add a passkey…' }).click()
  await dialog.getByLabel('Your password').fill(server.password)
  await dialog.getByRole('button', { name: 'Add it' }).click()
  await page.getByText('This device has a passkey of this account already.').waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Remove the passkey laptop' }).click()
  const confirm = page.getByRole('alertdialog')
  await confirm.getByLabel('Your password').fill(server.password)
  await confirm.getByRole('button', { name: 'Remove it' }).click()
  await page.getByText('You have none yet.').waitFor()
  await signOut(visitor)
  await page.getByRole('button', { name: 'Log in with a passkey' }).click()
  await page.getByRole('alert').getByText(/not known here or was removed/).waitFor()
  await visitor.logIn()
  visitor.expectWell()
  await visitor.leave()
})

test('where passkeys do not work, the pages say why', async () => {
  const plain = await TestServer.start()
  const visitor = await Visitor.come(plain, { phone: true })
  await visitor.logIn()
  await visitor.page.goto('/account/security')
  await visitor.page.getByText(/only where this server is reached by https/).waitFor()
  expect(await visitor.page.getByRole('button', { name: 'Add a passkey…' }).isDisabled()).toBe(true)
  await visitor.expectFits('security')
  await visitor.context.clearCookies()
  await visitor.page.goto('/login')
  await visitor.page.getByText('The first login was printed').waitFor()
  expect(await visitor.page.getByRole('button', { name: 'Log in with a passkey' }).count()).toBe(0)
  visitor.expectWell()
  await visitor.leave()
  await plain.stop()
})
