/** A real browser for a story, which remembers everything that a page must not do. */
import axe from 'axe-core'
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core'
import { expect } from 'vitest'
import { DIST_ARGS, serveDist } from './dist'

export type Look = { dark?: boolean; phone?: boolean; wide?: boolean }

/** Where somebody goes, and as whom. */
export type Place = { base: string; email: string; password: string }

const PHONE = { width: 390, height: 844 }

/** How people look at a page: the name, the colours, and whether on a phone. */
const LOOKS = [
  ['light', 'light', false],
  ['dark', 'dark', false],
  ['on a phone', 'light', true],
  ['on a phone in the dark', 'dark', true],
] as const

let browser: Browser | undefined

/** Debian's Chromium, or the one that is named. */
async function launch(): Promise<Browser> {
  browser ??= await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--js-flags=--expose-gc', '--enable-precise-memory-info', ...(process.env.CONSOLE_DIST ? DIST_ARGS : [])],
  })
  return browser
}

export async function closeBrowser(): Promise<void> {
  await browser?.close()
  browser = undefined
}

/** A person at a browser: a profile without anything in it. */
export class Visitor {
  /** What went wrong on pages: errors of scripts, violations of the policy, requests that failed by the server's fault. */
  readonly problems: string[] = []

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    readonly server: Place,
    private readonly look: Look,
  ) {}

  static async come(server: Place, look: Look = {}): Promise<Visitor> {
    const context = await (await launch()).newContext({
      viewport: look.phone ? PHONE : { width: look.wide ? 1920 : 1440, height: look.wide ? 1080 : 900 },
      colorScheme: look.dark ? 'dark' : 'light',
      reducedMotion: 'reduce',
      baseURL: server.base,
    })
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (e) => {
        console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)
      })
    })
    if (process.env.CONSOLE_DIST) await serveDist(context, process.env.CONSOLE_DIST)
    const page = await context.newPage()
    const visitor = new Visitor(context, page, server, look)
    visitor.watch(page)
    return visitor
  }

  /** Another tab of the same person. */
  async tab(): Promise<Page> {
    const page = await this.context.newPage()
    this.watch(page)
    return page
  }

  private watch(page: Page): void {
    page.on('pageerror', (e) => this.problems.push(`error: ${e.message}`))
    page.on('console', (message) => {
      if (message.type() !== 'error') return
      // A refusal is not a fault of the page: the browser writes a line for each, and stories cause them on purpose.
      if (/status of 4\d\d/.test(message.text())) return
      this.problems.push(`console: ${message.text()} ${message.location().url}`)
    })
    page.on('response', (r) => {
      if (r.status() >= 500) this.problems.push(`${r.status()} ${r.request().method()} ${r.url()}`)
    })
  }

  /** Nothing went wrong so far. */
  expectWell(): void {
    expect(this.problems).toEqual([])
  }

  async logIn(email = this.server.email, password = this.server.password): Promise<void> {
    await this.page.goto('/login')
    await this.page.getByLabel('Email').fill(email)
    await this.page.getByLabel('Password').fill(password)
    await this.page.getByRole('button', { name: 'Log in', exact: true }).click()
    await this.page.waitForURL((url) => !url.pathname.startsWith('/login'))
  }

  /** The page has no fault that axe finds by WCAG 2.2 AA and its best practices. */
  async expectAccessible(where: string): Promise<void> {
    await this.page.evaluate(axe.source)
    const found = await this.page.evaluate(async () => {
      const all = await (window as unknown as { axe: typeof axe }).axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      })
      return all.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 160)).join(' | ')}`)
    })
    expect(found, where).toEqual([])
  }

  /** The page as it stands is accessible in light, in dark and on a phone, and fits there. */
  async expectAccessibleInAllLooks(where: string): Promise<void> {
    await this.eachLook(async (look, phone) => {
      await this.expectAccessible(`${where}, ${look}`)
      if (phone) await this.expectFits(`${where}, ${look}`)
    })
    if (process.env.PICTURES) await this.pictures(process.env.PICTURES, where)
  }

  /** Goes through the looks with the page as it stands, which looks as before afterwards. */
  private async eachLook(see: (look: string, phone: boolean) => Promise<void>): Promise<void> {
    const before = this.page.viewportSize()
    for (const [name, scheme, phone] of LOOKS) {
      await this.page.emulateMedia({ colorScheme: scheme })
      if (before) await this.page.setViewportSize(phone ? PHONE : before)
      // Charts, editors and virtual rows are laid out anew in the next frames.
      await this.page.waitForTimeout(200)
      await see(name, phone)
    }
    await this.page.emulateMedia({ colorScheme: this.look.dark ? 'dark' : 'light' })
    if (before) await this.page.setViewportSize(before)
  }

  /** Pictures of the page as it stands in each look, for people to look at: `PICTURES=folder npm run e2e`. */
  async pictures(folder: string, name: string): Promise<void> {
    await this.eachLook(async (look) => {
      await this.page.screenshot({ path: `${folder}/${name} ${look}.png` })
    })
  }

  /** Nothing is wider than the screen. */
  async expectFits(where: string): Promise<void> {
    const [inner, outer] = await this.page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth] as const)
    expect(inner, `${where} is wider than the screen`).toBeLessThanOrEqual(outer)
    const main = await this.page.evaluate(() => {
      const box = document.querySelector('main')
      return box ? box.scrollWidth - box.clientWidth : 0
    })
    expect(main, `${where}: its content is wider than the screen`).toBeLessThanOrEqual(0)
  }

  async leave(): Promise<void> {
    await this.context.close()
  }
}
