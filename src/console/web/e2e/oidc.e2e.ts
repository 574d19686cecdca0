/** Sign-in at a real OpenID Connect provider, in a real browser: first sign-in, a linked account, the second factor, and what is refused. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Look, Visitor, closeBrowser } from './support/browser'
import { CLIENT, TestProvider } from './support/provider'
import { TestServer } from './support/server'
import { totp } from './support/totp'

const PEOPLE = {
  bo: { email: 'bo@new.example', email_verified: true, name: 'Bo Lee' },
  boss: { email: 'boss@new.example', email_verified: true, name: 'The Boss' },
  eve: { email: 'eve@evil.example', email_verified: true },
  tim: { email: 'tim@new.example', email_verified: false },
}

let server: TestServer
let provider: TestProvider

beforeAll(async () => {
  const more = async (base: string) => {
    provider = await TestProvider.start(PEOPLE, `${base}/auth/oidc/acme/callback`)
    const own = ['--oidc-name', 'acme', '--oidc-label', 'Acme', '--oidc-issuer', provider.issuer]
    const client = ['--oidc-client-id', CLIENT.id, '--oidc-client-secret', CLIENT.secret]
    const people = ['--oidc-create', 'allowed_domains', '--oidc-domains', 'new.example']
    return ['--web-url', base, ...own, ...client, ...people]
  }
  server = await TestServer.start({ more })
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
  await provider?.stop()
})

async function come(look: Look = {}): Promise<Visitor> {
  const visitor = await Visitor.come(server, look)
  await provider.prepare(visitor.context)
  return visitor
}

const button = (visitor: Visitor) => visitor.page.getByRole('link', { name: 'Sign in with Acme' })

/** From the login page to the provider, in as this person, and back. */
async function signIn(visitor: Visitor, name: string, path = '/login'): Promise<void> {
  await visitor.page.goto(path)
  await button(visitor).click()
  await provider.signIn(visitor.page, name)
  await visitor.page.waitForURL(`${server.base}/**`)
}

async function logOut(visitor: Visitor): Promise<void> {
  await visitor.page.getByRole('button', { name: /^You:/ }).click()
  await visitor.page.getByRole('menuitem', { name: 'Log out' }).click()
  await visitor.page.waitForURL('**/login*')
}

test('somebody new signs in, goes where they wanted to, signs out and in again', async () => {
  const visitor = await come()
  await visitor.page.goto('/login')
  await button(visitor).waitFor()
  await visitor.expectAccessible('the login with a provider')
  await signIn(visitor, 'bo', '/account/profile')
  await visitor.page.waitForURL('**/account/profile')
  await visitor.page.getByText('bo@new.example').first().waitFor()
  await logOut(visitor)
  // The provider remembers who it is, and asks nothing.
  await button(visitor).click()
  await visitor.page.waitForURL((url) => url.origin === server.base && !url.pathname.startsWith('/login'))
  visitor.expectWell()
  // An account without a password has a way to prove itself, and cannot lose its only way in.
  await visitor.page.goto('/account/security')
  await visitor.page.getByRole('button', { name: 'Remove bo@new.example at Acme' }).click()
  await visitor.page.getByRole('button', { name: 'Remove it' }).click()
  await visitor.page.getByText('This is the only way into your account').waitFor()
  await visitor.page.getByRole('button', { name: 'Keep as it is' }).click()
  await visitor.page.getByText('Your account has no password').first().waitFor()
  await visitor.page.getByLabel('New password', { exact: true }).fill('correct horse battery')
  await visitor.page.getByLabel('New password once more').fill('correct horse battery')
  await visitor.page.getByRole('button', { name: 'Set a password' }).click()
  await visitor.page.getByRole('button', { name: 'Change the password' }).waitFor()
  visitor.expectWell()
  await visitor.leave()
})

test('whoever is not let in is told why', async () => {
  for (const [name, why] of [
    ['eve', 'not of a domain that may sign in here'],
    ['tim', 'has not verified your email address'],
  ] as const) {
    const visitor = await come({ phone: true })
    await signIn(visitor, name)
    await visitor.page.getByRole('alert').filter({ hasText: why }).waitFor()
    await visitor.expectFits('the login with an error')
    await visitor.expectAccessible('the login with an error')
    expect(await visitor.context.cookies(server.base)).toEqual([])
    await visitor.leave()
  }
  const visitor = await come()
  await visitor.page.goto('/login')
  await button(visitor).click()
  await visitor.page.getByRole('link', { name: 'Cancel' }).click()
  await visitor.page.getByRole('alert').filter({ hasText: 'cancelled at the provider' }).waitFor()
  await visitor.leave()
})

test('a callback counts once, and in the browser that began it', async () => {
  const visitor = await come()
  let callback = ''
  visitor.page.on('request', (request) => {
    if (request.url().includes('/callback?')) callback = request.url()
  })
  await signIn(visitor, 'bo')
  await visitor.page.waitForURL((url) => !url.pathname.startsWith('/login'))
  expect(callback).toContain('code=')
  await logOut(visitor)
  const again = visitor.page.getByRole('alert').filter({ hasText: 'begun in another browser' })
  await visitor.page.goto(callback)
  await again.waitFor()
  await visitor.page.goto('/auth/oidc/acme/callback?code=1&state=guessed')
  await again.waitFor()
  expect((await fetch(callback, { redirect: 'manual' })).headers.get('location')).toBe('/login?error=oidc_state')
  await visitor.leave()
})

test('an account is linked from its page, lets in with its second factor, and is removed', async () => {
  const visitor = await come()
  await visitor.logIn()
  await visitor.page.goto('/account/security')
  await visitor.page.getByText('None is linked yet').waitFor()
  await visitor.page.getByRole('button', { name: 'Link Acme…' }).click()
  const dialog = visitor.page.getByRole('dialog', { name: 'Link Acme' })
  await dialog.getByLabel('Your password').fill('not this one')
  await dialog.getByRole('button', { name: 'Go to Acme' }).click()
  await dialog.getByText('is wrong').first().waitFor()
  await dialog.getByLabel('Your password').fill(server.password)
  await dialog.getByRole('button', { name: 'Go to Acme' }).click()
  await provider.signIn(visitor.page, 'boss')
  await visitor.page.getByText('Acme is linked: you can sign in with it').waitFor()
  await visitor.page.getByRole('cell', { name: 'boss@new.example', exact: true }).waitFor()
  await visitor.expectAccessible('linked providers')
  await logOut(visitor)
  await button(visitor).click()
  await visitor.page.waitForURL((url) => url.origin === server.base && !url.pathname.startsWith('/login'))
  const { secret } = await server.must('POST', '/api/users/me/totp', { current_password: server.password })
  await server.must('PUT', '/api/users/me/totp', { code: totp(secret) })
  await logOut(visitor)
  await visitor.page.goto('/login?next=/account/security')
  await button(visitor).click()
  await visitor.page.waitForURL('**/login?step=totp*')
  await visitor.page.getByLabel('Code').fill('000000')
  await visitor.page.getByRole('button', { name: 'Go on' }).click()
  await visitor.page.getByText('The code is wrong').waitFor()
  // A code is good once: the next one is that of the next half minute.
  await visitor.page.getByLabel('Code').fill(totp(secret, Date.now() + 30_000))
  await visitor.page.getByRole('button', { name: 'Go on' }).click()
  await visitor.page.waitForURL('**/account/security')
  await visitor.page.getByRole('button', { name: 'Remove boss@new.example at Acme' }).click()
  await visitor.page.getByRole('button', { name: 'Remove it' }).click()
  await visitor.page.getByText('does not let you in any more.', { exact: false }).first().waitFor()
  await logOut(visitor)
  await button(visitor).click()
  // Now it is somebody whom nobody knows: a new account, of an allowed domain.
  await visitor.page.waitForURL((url) => url.origin === server.base && !url.pathname.startsWith('/login'))
  await visitor.page.goto('/account/profile')
  await visitor.page.getByText('boss@new.example').first().waitFor()
  visitor.expectWell()
  await visitor.leave()
})
