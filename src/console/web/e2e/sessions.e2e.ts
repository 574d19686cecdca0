/** Sessions as an attacker finds them: fixation, requests from another origin, a stolen cookie, frames. */
import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { TestServer } from './support/server'

let server: TestServer
let evil: Server
let evilBase = ''

beforeAll(async () => {
  server = await TestServer.start()
  // Another site, on another host name, so that it is another site for cookies, too.
  evil = createServer((request, answer) => {
    const path = request.url ?? '/'
    answer.setHeader('content-type', 'text/html')
    if (path === '/frame') answer.end(`<iframe src="${server.base}/"></iframe>`)
    else answer.end(`<form method="post" action="${server.base}/api/orgs" enctype="text/plain"><input name='{"name":"' value='stolen"}'></form>`)
  })
  await new Promise<void>((done) => evil.listen(0, 'localhost', done))
  const address = evil.address()
  evilBase = `http://localhost:${typeof address === 'object' && address ? address.port : 0}`
})
afterAll(async () => {
  await closeBrowser()
  evil.close()
  await server?.stop()
})

async function cookieOf(visitor: Visitor): Promise<string> {
  const found = (await visitor.context.cookies()).find((c) => c.name === 'nc')
  expect(found?.httpOnly && found.sameSite === 'Lax').toBe(true)
  return found?.value ?? ''
}

const withCookie = (value: string) => fetch(server.base + '/api/session', { headers: { cookie: `nc=${value}` } })

test('a login makes a new session, and a cookie is worth nothing after the sign-out', async () => {
  const visitor = await Visitor.come(server)
  await visitor.context.addCookies([{ name: 'nc', value: 'nhu_planted', url: server.base, httpOnly: true, sameSite: 'Lax' }])
  await visitor.logIn()
  const stolen = await cookieOf(visitor)
  expect(stolen).not.toBe('nhu_planted')
  expect((await withCookie(stolen)).status).toBe(200)
  await visitor.page.getByRole('button', { name: /^You:/ }).click()
  await visitor.page.getByRole('menuitem', { name: 'Log out' }).click()
  await visitor.page.waitForURL('**/login*')
  expect((await withCookie(stolen)).status).toBe(401)
  visitor.expectWell()
  await visitor.leave()
})

test('another origin can neither change anything nor read anything', async () => {
  const visitor = await Visitor.come(server)
  await visitor.logIn()
  const before = (await server.must('GET', '/api/orgs')).length
  await visitor.page.goto(evilBase + '/form')
  await visitor.page.evaluate(() => document.querySelector('form')?.submit())
  await visitor.page.waitForURL(server.base + '/**')
  const read = await visitor.page.goto(evilBase + '/').then(() =>
    visitor.page.evaluate(async (base) => {
      const ways: Record<string, string> = {}
      for (const [name, init] of Object.entries({
        read: {},
        write: { method: 'POST', body: '{"name":"stolen"}' },
        csrf: { method: 'POST', body: '{"name":"stolen"}', headers: { 'x-csrf-token': 'guess' } },
      })) {
        ways[name] = await fetch(base + '/api/orgs', { ...init, credentials: 'include' }).then(
          (r) => String(r.status),
          () => 'refused by the browser',
        )
      }
      return ways
    }, server.base),
  )
  expect(Object.values(read)).toEqual(Array(3).fill('refused by the browser'))
  const orgs = await server.must('GET', '/api/orgs')
  expect(orgs.length).toBe(before)
  await visitor.leave()
})

test('the same origin without its proof changes nothing either', async () => {
  const visitor = await Visitor.come(server)
  await visitor.logIn()
  const status = await visitor.page.evaluate(async () => {
    const body = '{"name":"unproven"}'
    const headers = { 'content-type': 'application/json' }
    return (await fetch('/api/orgs', { method: 'POST', headers, body })).status
  })
  expect([401, 403]).toContain(status)
  await visitor.leave()
})

test('no other site can show the console in a frame', async () => {
  const visitor = await Visitor.come(server)
  await visitor.page.goto(evilBase + '/frame')
  await visitor.page.waitForTimeout(1000)
  const shown = await visitor.page.frames()[1]?.evaluate(() => document.body?.innerText ?? '').catch(() => '')
  expect(shown ?? '').not.toMatch(/Log in|Nervecenter/)
  await visitor.leave()
})

test('a session that ends elsewhere leads to the login, and back', async () => {
  const visitor = await Visitor.come(server)
  await visitor.logIn()
  const stolen = await cookieOf(visitor)
  const csrf = (await (await withCookie(stolen)).json()).data.csrf
  const headers = { cookie: `nc=${stolen}`, 'x-csrf-token': csrf, origin: server.base }
  expect((await fetch(server.base + '/api/session', { method: 'DELETE', headers })).status).toBeLessThan(300)
  // The page notices by the first thing that it asks; a search is asked for in any case, and not remembered.
  await visitor.page.keyboard.press('Control+k')
  await visitor.page.keyboard.type('abc')
  await visitor.page.waitForURL('**/login?next=*', { timeout: 30_000 })
  await visitor.page.getByLabel('Email').fill(server.email)
  await visitor.page.getByLabel('Password').fill(server.password)
  await visitor.page.getByRole('button', { name: 'Log in' }).click()
  await visitor.page.waitForURL((url) => !url.pathname.startsWith('/login'))
  await visitor.leave()
})
