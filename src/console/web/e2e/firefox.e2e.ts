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
  page.on('pageerror', (e) => problems.push(String(e)))
  page.on('console', (m) => {
    const text = m.text()
    if (m.type() === 'error' && !/40[14]/.test(text)) problems.push(text)
  })
  await page.evaluateOnNewDocument(() => {
    document.addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`))
  })
  const see = (text: string) => page.waitForFunction((t) => document.body.innerText.includes(t), { timeout: 30_000 }, text)
  await page.goto(demo.base + '/login')
  await page.locator('input[type=email]').fill(demo.email)
  await page.locator('input[type=password]').fill(demo.password)
  await page.locator('button[type=submit]').click()
  await see('Organizations')
  const product = await page.evaluate(async () => (await (await fetch('/api/orgs/demo/products')).json()).data[0].name as string)
  const P = `${demo.base}/o/demo/p/${product}`

  await page.goto(`${P}/overview`)
  await see('Needs you')
  await see('waits for a person to approve')
  await page.goto(`${P}/devices`)
  await page.waitForSelector('[aria-rowindex="10"] a')
  await page.locator('[data-query]').fill('tags contains canary')
  await see('5 match')
  const name = await page.$eval('[aria-rowindex="2"] a', (a) => a.textContent ?? '')
  await page.goto(`${P}/devices/${name}/summary`)
  await see('Connection')
  await page.goto(`${P}/devices/${name}/console`)
  await page.waitForSelector('.xterm')
  await page.goto(`${P}/groups/all-bbb/live`)
  await see('It stopped by itself')
  // A stream of events reaches this browser, too.
  await see('live')
  expect(problems).toEqual([])
})
