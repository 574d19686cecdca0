/** The device list as a map, without the internet: where devices are, by mouse, by keys and as a table. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const LIST = `/o/${ORG}/p/${PRODUCT}/devices`
let server: TestServer
let secrets: { key: string; secret: string }

beforeAll(async () => {
  server = await TestServer.start()
  secrets = await server.makeProduct()
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

type Place = { count: number; identifier: string; lat: number; lon: number }

test('before any device told where it is, the map teaches how they come to do it', async () => {
  await server.fillDevices(2)
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(LIST)
  await page.getByRole('button', { name: 'Map' }).click()
  await page.waitForURL('**/devices?map=1')
  await page.getByRole('heading', { name: 'No device has told where it is' }).waitFor()
  await visitor.expectAccessibleInAllLooks('an empty map')
  await page.getByRole('link', { name: 'extensions of the product' }).click()
  await page.waitForURL('**/settings/extensions')
  visitor.expectWell()
  await visitor.leave()
})

test('the map shows the fleet, goes nearer by a click, opens a single device, and keeps its place in the address', async () => {
  await server.must('PUT', server.product('/extensions'), { extensions: { health: true, geo: true } })
  server.sim(secrets, 60, ['--prefix', 'geo-', '--report-every', '5', '--firmware', server.fixture('rpi4-1.0.0')])
  await server.connected(60)
  const places = async (query = ''): Promise<Place[]> => server.must('GET', server.product(`/device_map${query}`))
  await server.until('all told where they are', async () => (await places()).reduce((sum, p) => sum + p.count, 0) === 60)
  const visitor = await Visitor.come(server)
  const { page } = visitor
  const asked: string[] = []
  page.on('request', (r) => asked.push(r.url()))
  await visitor.logIn()
  await page.goto(`${LIST}?map=1`)
  const map = page.getByRole('application', { name: /^Map of 60 devices/ })
  await map.waitFor()
  await page.getByText(/^60 devices here, in \d+ places\.$/).waitFor()
  await visitor.expectAccessibleInAllLooks('a map of a fleet')
  // Nothing of it comes from anywhere but the server.
  expect(asked.filter((url) => !url.startsWith(server.base) && !url.startsWith('data:') && !url.startsWith('blob:'))).toEqual([])

  // The table goes nearer to a cluster as a click on it does, and the address keeps where.
  await page.getByRole('button', { name: /^Nearer to/ }).first().click()
  await page.waitForURL('**at=*')
  const near = page.url()
  expect(decodeURIComponent(near)).toMatch(/at=-?\d+\.\d+,-?\d+\.\d+,\d/)
  // By keys it moves, goes further away and back to all.
  await map.focus()
  await page.keyboard.press('ArrowLeft')
  await page.waitForFunction((before) => location.href !== before, near)
  await page.keyboard.press('0')
  await page.waitForURL((url) => !url.searchParams.has('at'))
  await page.getByText(/^60 devices here/).waitFor()

  // A query narrows the map as it narrows the list.
  await page.getByLabel('Device query').fill('identifier like "geo-00000%"')
  await page.getByRole('application', { name: /^Map of 10 devices/ }).waitFor()
  await page.goto(`${LIST}?map=1&q=${encodeURIComponent('identifier like "geo-000007"')}`)
  await page.getByRole('application', { name: /^Map of 1 device/ }).waitFor()
  await page.getByRole('link', { name: 'geo-000007' }).waitFor()
  // The one place is in the middle: a click on it goes to the device.
  await page.getByText('1 device here, in 1 place.').waitFor()
  const box = (await map.or(page.getByRole('application')).first().boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 }
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2)
  await page.waitForURL('**/devices/geo-000007/**')
  visitor.expectWell()
  await visitor.leave()
})

test('the wheel goes nearer, dragging moves, and a click on a cluster divides it', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${LIST}?map=1`)
  await page.getByText(/^60 devices here/).waitFor()
  const box = (await page.getByRole('application').boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 }
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2]
  await page.mouse.move(x, y)
  await page.mouse.wheel(0, -600)
  await page.waitForURL('**at=*')
  const zoomOf = () => Number(new URL(page.url()).searchParams.get('at')?.replaceAll('"', '').split(',')[2])
  const zoom = zoomOf()
  await page.mouse.down()
  await page.mouse.move(x + 120, y + 40, { steps: 5 })
  await page.mouse.up()
  const before = page.url()
  await page.waitForFunction((b) => location.href !== b, before).catch(() => undefined)
  expect(zoomOf()).toBe(zoom)
  await page.getByRole('button', { name: 'Nearer', exact: true }).click()
  await expect.poll(zoomOf).toBeGreaterThan(zoom)
  await page.getByRole('button', { name: 'All places' }).click()
  await page.waitForURL((url) => !url.searchParams.has('at'))
  // Back in the list the query and everything else is as it was.
  await page.getByRole('button', { name: 'Map' }).click()
  await page.getByRole('grid').waitFor()
  visitor.expectWell()
  await visitor.leave()
})

test('a person says where a device is, which the map shows, and takes it away again', async () => {
  const name = 'by-hand'
  await server.must('POST', server.product('/devices'), { identifier: name })
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(`${LIST}/${name}`)
  await page.getByText(/It has not told where it is/).waitFor()
  await page.getByRole('button', { name: 'Set…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Latitude').fill('-120')
  await dialog.getByLabel('Longitude').fill('151.25')
  await dialog.getByRole('button', { name: 'Set it' }).click()
  await dialog.getByText(/must be degrees from -90 to 90/).first().waitFor()
  await visitor.expectAccessibleInAllLooks('a position that is none')
  // Both numbers at once, as a map copies them.
  await dialog.getByLabel('Latitude').fill('-33.5, 150.5')
  expect(await dialog.getByLabel('Longitude').inputValue()).toBe('150.5')
  await dialog.getByRole('button', { name: 'Set it' }).click()
  await page.getByText('-33.50000, 150.50000').waitFor()
  await page.getByText(/set by a person/).waitFor()
  const [place] = await server.must('GET', server.product(`/device_map?query=${encodeURIComponent(`identifier like "${name}"`)}`))
  expect([place.lat, place.lon]).toEqual([-33.5, 150.5])
  await page.getByRole('button', { name: 'Take away' }).click()
  await page.getByText(/It has not told where it is/).waitFor()
  expect(await server.must('GET', server.product(`/devices/${name}/location`))).toBeNull()
  // The refused position is the one problem of this page.
  await visitor.leave()
})
