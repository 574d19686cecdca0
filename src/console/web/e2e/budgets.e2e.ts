/** What an operator must not wait for: the first page, 100,000 devices, a live fleet, many tabs. */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const LIST = `/o/${ORG}/p/${PRODUCT}/devices`
/** kB, compressed by Brotli. */
const FIRST_PAGE = 200
const LATER_PAGE = 130
const ALL = 700
/** How often something is measured until it holds: the machine may have two cores, with devices, server and browser on them, and others
 * beside it. What is too slow is so each time. */
const ATTEMPTS = 3

let server: TestServer
let secrets: { key: string; secret: string }

beforeAll(async () => {
  server = await TestServer.start()
  secrets = await server.makeProduct()
  await server.fillDevices(100_000)
}, 400_000)
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('the first page is small, and so is each later one', async () => {
  const visitor = await Visitor.come(server)
  const sizes = new Map<string, number>()
  visitor.page.on('response', async (r) => {
    const path = new URL(r.url()).pathname
    if (path.startsWith('/assets/') || path === LIST) sizes.set(path, (await r.request().sizes().catch(() => null))?.responseBodySize ?? 0)
  })
  await visitor.logIn()
  await visitor.page.goto(LIST)
  await visitor.page.getByRole('row').nth(5).waitFor()
  await visitor.page.waitForTimeout(500)
  const first = [...sizes.values()].reduce((sum, n) => sum + n, 0) / 1000
  expect(first, `first page: ${[...sizes].map(([p, n]) => `${p} ${n}`).join(', ')}`).toBeLessThan(FIRST_PAGE)
  await visitor.leave()
})

test('all files together, and the largest of them, are within their budgets', () => {
  const dist = process.env.NERVECENTER_DIST
  if (!dist) throw new Error('NERVECENTER_DIST names the folder that `npm run build` made')
  const files = readdirSync(join(dist, 'assets')).filter((f) => f.endsWith('.br'))
  const sizes = files.map((f) => [f, statSync(join(dist, 'assets', f)).size / 1000] as const)
  const scripts = [...new Set(readFileSync(join(dist, 'index.html'), 'utf8').match(/assets\/[^"]+/g) ?? [])].map((s) => s.slice(7) + '.br')
  for (const [file, size] of sizes) {
    if (!scripts.includes(file)) expect(size, file).toBeLessThan(LATER_PAGE)
  }
  expect(sizes.reduce((sum, [, n]) => sum + n, 0)).toBeLessThan(ALL)
})

test('100,000 devices: rows within a second, a key within a tenth', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(LIST)
  await page.locator('[aria-rowindex="20"]').waitFor()
  const medians: number[] = []
  while (medians.length < ATTEMPTS && !medians.some((m) => m < 1000)) {
    const times: number[] = []
    for (let i = 0; i < 5; i++) {
      const begun = Date.now()
      await page.goto(LIST)
      await page.locator('[aria-rowindex="20"] a').waitFor()
      times.push(Date.now() - begun)
    }
    medians.push(times.sort((a, b) => a - b)[2] ?? Infinity)
  }
  expect(Math.min(...medians), `medians of five loads: ${medians.join(', ')} ms`).toBeLessThan(1000)

  // A key is answered on the screen at once; the server is asked a moment later.
  const slowest = await page.evaluate(async () => {
    const input = document.querySelector<HTMLInputElement>('[data-query]')
    if (!input) return Infinity
    input.focus()
    const all: number[] = []
    for (const letter of 'many-09999') {
      const begun = performance.now()
      const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value')?.set
      set?.call(input, input.value + letter)
      input.dispatchEvent(new Event('input', { bubbles: true }))
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
      all.push(performance.now() - begun)
    }
    return all.sort((a, b) => a - b)[Math.floor(all.length / 2)] ?? Infinity
  })
  expect(slowest, 'ms from a key to the next frame').toBeLessThan(100)
  await page.getByText('10 match').waitFor()

  // The last row can be reached.
  await page.getByRole('button', { name: 'Clear the query' }).click()
  await page.getByText('100,000', { exact: true }).first().waitFor()
  await page.getByRole('grid').focus()
  await page.keyboard.press('End')
  await page.getByRole('link', { name: 'many-099999' }).waitFor()
  visitor.expectWell()
  await visitor.leave()
})

test('twelve tabs of one browser share one stream', async () => {
  const visitor = await Visitor.come(server)
  await visitor.logIn()
  for (let i = 0; i < 11; i++) {
    const tab = await visitor.tab()
    await tab.goto(LIST, { timeout: 15_000 })
    await tab.locator('[aria-rowindex="5"] a').waitFor({ timeout: 15_000 })
  }
  visitor.expectWell()
  await visitor.leave()
})

test('a live fleet: frames in time, memory flat', { timeout: 300_000 }, async () => {
  // Each device reports its health every two seconds: 200 events a second.
  await server.must('PUT', server.product('/extensions'), { extensions: { health: true } })
  server.sim(secrets, 400, ['--prefix', 'a-live-', '--report-every', '2'])
  await server.connected(400)
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(LIST + '?cols=identifier,connection,health,seen')
  await page.locator('[aria-rowindex="20"] a').waitFor()
  let measured = await measure(page)
  for (let n = 1; n < ATTEMPTS && measured.p99 >= 20; n++) measured = await measure(page)
  expect(measured.changes, 'changes on the screen').toBeGreaterThan(5)
  expect(measured.p99, JSON.stringify(measured)).toBeLessThan(20)
  expect(measured.grown, JSON.stringify(measured)).toBeLessThan(5)
  visitor.expectWell()
  await visitor.leave()
})

type Measured = { p99: number; frames: number; grown: number; changes: number }

/** Sixty seconds of frames: the time of the slowest hundredth in ms, and how much memory grew in MB. */
async function measure(page: import('playwright-core').Page): Promise<Measured> {
  await page.waitForTimeout(5_000)
  return page.evaluate(async () => {
    const memory = () => {
      ;(window as unknown as { gc?: () => void }).gc?.()
      return (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize / 1e6
    }
    let changes = 0
    const grid = document.querySelector('[role=grid]')
    const watch = new MutationObserver((all) => (changes += all.length))
    if (grid) watch.observe(grid, { subtree: true, childList: true, characterData: true })
    const before = memory()
    const frames: number[] = []
    await new Promise<void>((done) => {
      const begun = performance.now()
      let last = begun
      const frame = (now: number) => {
        frames.push(now - last)
        last = now
        if (now - begun < 60_000) requestAnimationFrame(frame)
        else done()
      }
      requestAnimationFrame(frame)
    })
    watch.disconnect()
    frames.sort((a, b) => a - b)
    return { p99: frames[Math.floor(frames.length * 0.99)] ?? Infinity, frames: frames.length, grown: memory() - before, changes }
  })
}
