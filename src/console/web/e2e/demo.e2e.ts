/** The demo, which is the first thing that most people see. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { Demo } from './support/server'

let demo: Demo

beforeAll(async () => {
  demo = await Demo.start()
})
afterAll(async () => {
  await closeBrowser()
  await demo?.stop()
})

// The fleet is counted once a minute, and less often by a busy machine.
test('the printed login opens a fleet that is worth looking at', { timeout: 300_000 }, async () => {
  const visitor = await Visitor.come(demo)
  const { page } = visitor
  await visitor.logIn()
  await page.getByRole('link', { name: /^demo-/ }).first().click()
  await page.waitForURL('**/overview')
  await page.getByRole('heading', { name: /Needs you \([23]\)/ }).waitFor()
  await page.getByText(/It stopped by itself/).first().waitFor()
  await page.getByText(/waits for a person to approve/).first().waitFor()
  await page.getByText('62', { exact: true }).waitFor()
  await visitor.expectAccessibleInAllLooks('the overview of the demo')

  // The person says yes, and the rollout goes on to its end.
  await page.getByRole('link', { name: 'all-rpi4' }).first().click()
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: /Approve/ }).click()
  await page.getByText('10 updated').waitFor({ timeout: 60_000 })
  visitor.expectWell()

  // A fleet of a few minutes fills its charts: they begin with it, and not with the day before.
  await page.getByRole('link', { name: 'Insights' }).click()
  await page.getByRole('heading', { name: /^Connected devices since / }).waitFor({ timeout: 150_000 })
  await visitor.expectAccessibleInAllLooks('the insights of the demo')

  // Devices that are connected are there now, and the exact time is at hand.
  await page.getByRole('link', { name: 'Devices', exact: true }).click()
  const row = page.getByRole('row').filter({ hasText: 'online' }).first()
  const seen = row.getByRole('time')
  await seen.waitFor()
  expect(await seen.textContent()).toBe('now')
  expect(await seen.getAttribute('title')).toMatch(/\d{4}-\d\d-\d\dT/)
  visitor.expectWell()
  await visitor.leave()
})
