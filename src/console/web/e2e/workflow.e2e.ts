/** The editor of workflows: each mistake that the server names is marked where it is in the text. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const SETTINGS = `/o/${ORG}/p/${PRODUCT}/groups/eu-prod/settings`
const WRONG = `{
  "version": 1,
  "steps": [
    { "name": "First", "matching_conditions": { "match_percent": 5 } },
    { "name": "Then", "gate": { "soak_minutes": -1 }, "concurent_updates": 4 }
  ]
}`
let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
  await server.makeProduct()
  await server.group('eu-prod', await server.upload('rpi4-1.0.0'))
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

test('mistakes are marked in the text, gone to by a click, and a text without any is saved', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(SETTINGS)
  const editor = page.getByRole('textbox', { name: 'Workflow, as JSON' })
  await editor.click()
  await page.keyboard.insertText(WRONG)
  await page.getByText('2 mistakes').waitFor()
  const marked = page.locator('.cm-lintRange-error')
  await expect.poll(() => marked.allInnerTexts()).toEqual(['-1', '"concurent_updates"'])
  // A sign stands at the line, and the message is under the pointer.
  expect(await page.locator('.cm-lint-marker-error').count()).toBe(1)
  await marked.first().hover()
  await page.locator('.cm-diagnostic').filter({ hasText: 'steps[1].gate.soak_minutes must be a whole number' }).waitFor()
  await page.mouse.move(0, 0)
  await visitor.expectAccessibleInAllLooks('a workflow with mistakes')
  expect(await page.getByRole('button', { name: 'Save' }).first().isDisabled()).toBe(true)

  // The list goes to the place and selects what is wrong: typing takes its place.
  await page.getByRole('listitem').filter({ hasText: 'soak_minutes' }).getByRole('button', { name: 'line 5' }).click()
  await page.keyboard.insertText('30')
  await page.getByText('1 mistake', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'line 5' }).click()
  await page.keyboard.insertText('"concurrent_updates"')
  await page.getByText('No mistakes').waitFor()
  expect(await marked.count()).toBe(0)
  await page.locator('form').filter({ has: editor }).getByRole('button', { name: 'Save' }).click()
  await page.getByText('The settings are saved.').waitFor()
  const { settings } = await server.must('GET', server.product('/deployments/eu-prod'))
  expect(settings.workflow.steps[1]).toMatchObject({ gate: { soak_minutes: 30 }, concurrent_updates: 4 })
  visitor.expectWell()
  await visitor.leave()
})

test('a text that is no JSON is marked where it ends to be', async () => {
  const visitor = await Visitor.come(server)
  const { page } = visitor
  await visitor.logIn()
  await page.goto(SETTINGS)
  const editor = page.getByRole('textbox', { name: 'Workflow, as JSON' })
  await editor.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.insertText('{\n  "version": 1,\n  "steps": [}\n')
  await page.getByText('1 mistake', { exact: true }).waitFor()
  await page.locator('.cm-lint-marker-error').waitFor()
  await page.getByRole('button', { name: 'line 3' }).waitFor()
  // Tab leaves the editor, as it leaves every field.
  await editor.focus()
  await page.keyboard.press('Tab')
  expect(await editor.evaluate((e) => e.contains(document.activeElement))).toBe(false)
  await page.getByRole('button', { name: 'Canary: 1, 10, 50, 100 %' }).click()
  await page.getByText('No mistakes').waitFor()
  visitor.expectWell()
  await visitor.leave()
})
