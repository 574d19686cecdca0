/** The main stories in Debian's Firefox: another engine reads the policy, the styles and the events. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Browser, launch } from 'puppeteer-core'
import { Demo } from './support/server'

let demo: Demo
let browser: Browser

beforeAll(async () => {
  demo = await Demo.start()
  browser = await launch({ browser: 'firefox', executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr', headless: true, defaultViewport: null, args: ['--width=1440', '--height=900'] })
})
afterAll(async () => {
  await browser?.close()
  await demo?.stop()
})

test('login, overview, a query, a device with its console, a rollout', async () => {
  const page = await browser.newPage()
  const problems: string[] = []
  // Firefox says the first of each stream that ends because somebody goes to another page; the second is of the driver's own functions,
  // when they look at a page that is being left.
  const harmless = /interrupted while the page was loading|Permission denied to access property/
  page.on('pageerror', (e) => {
    if (!harmless.test(String(e))) problems.push(String(e))
  })
  page.on('console', (m) => {
    const text = m.text()
    if (m.type() === 'error' && !/40[14]/.test(text) && !harmless.test(text)) problems.push(text)
  })
  await page.evaluateOnNewDocument(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`))
  })
  // The driver's own way to wait makes functions of texts in the page, which the policy forbids.
  const until = async (what: string, look: () => Promise<boolean>) => {
    for (const end = Date.now() + 30_000; Date.now() < end; ) {
      if (await look()) return
      await new Promise((done) => setTimeout(done, 100))
    }
    throw new Error(`${what} is not on ${page.url()}: ${await page.evaluate(() => document.body.innerText.slice(0, 1000))}`)
  }
  const see = (text: string) => until(text, () => page.evaluate((t) => document.body.innerText.includes(t), text))
  const there = (selector: string) => until(selector, () => page.evaluate((s) => document.querySelector(s) !== null, selector))
  await page.goto(demo.base + '/login')
  await see('Stay logged in')
  await page.type('input[type=email]', demo.email)
  await page.type('input[type=password]', demo.password)
  await page.click('button[type=submit]')
  await see('Organizations')
  const product = await page.evaluate(async () => (await (await fetch('/api/orgs/demo/products')).json()).data[0].name as string)
  const P = `${demo.base}/o/demo/p/${product}`

  await page.goto(`${P}/overview`)
  await see('Needs you')
  await see('waits for a person to approve')
  await page.goto(`${P}/devices`)
  await there('[aria-rowindex="10"] a')
  await page.type('[data-query]', 'tags contains canary')
  await see('5 match')
  const name = await page.$eval('[aria-rowindex="2"] a', (a) => a.textContent ?? '')
  await page.goto(`${P}/devices/${name}/summary`)
  await see('Connection')
  await page.goto(`${P}/devices/${name}/console`)
  await there('.xterm')
  await page.goto(`${P}/groups/all-bbb/live`)
  await see('It stopped by itself')
  // A stream of events reaches this browser, too.
  await see('live')
  expect(problems).toEqual([])
})
