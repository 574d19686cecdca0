/** A real OpenID Connect provider (`oidc-provider`, certified by the OpenID Foundation) with pages of its own, on another site than the
 * server: `localhost` beside `127.0.0.1`. Anybody may sign in by their name, with any password. */
import type { Server } from 'node:http'
import type { BrowserContext, Page } from 'playwright-core'
import { freePort } from './server'

export type Person = { email: string; email_verified: boolean; name?: string }

export const CLIENT = { id: 'nervecenter', secret: 'the secret of a story' }

export class TestProvider {
  private constructor(
    readonly issuer: string,
    private readonly server: Server,
  ) {}

  /** Starts one that knows these people and sends browsers back to this address. */
  static async start(people: Record<string, Person>, redirect: string): Promise<TestProvider> {
    const { default: Provider } = await import('oidc-provider')
    const port = await freePort()
    const issuer = `http://localhost:${port}`
    const provider = new Provider(issuer, {
      clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [redirect] }],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
      cookies: { keys: ['a key for the cookies of a story'] },
      ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
      features: { devInteractions: { enabled: true } },
      findAccount: (_: unknown, id: string) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
    })
    const server = await new Promise<Server>((done) => {
      const listening = provider.listen(port, 'localhost', () => done(listening))
    })
    return new TestProvider(issuer, server)
  }

  /** Has a browser do without the font that the provider's pages ask another host for. */
  async prepare(context: BrowserContext): Promise<void> {
    await context.route('https://fonts.googleapis.com/**', (route) => route.fulfill({ contentType: 'text/css', body: '' }))
  }

  /** Signs in on the provider's pages as this person, and agrees to what is asked for. */
  async signIn(page: Page, name: string): Promise<void> {
    await page.waitForURL(`${this.issuer}/interaction/**`)
    await page.locator('input[name=login]').fill(name)
    await page.locator('input[name=password]').fill('any')
    await page.locator('button[type=submit]').click()
    await page.getByRole('button', { name: 'Continue' }).click()
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((done) => this.server.close(done))
  }
}
