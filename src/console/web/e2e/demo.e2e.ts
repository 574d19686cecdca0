/** The demo, which is the first thing that most people see. */
import { afterAll, beforeAll, test } from 'vitest'
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

test('the printed login opens a fleet that is worth looking at', async () => {
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
  await visitor.leave()
})
