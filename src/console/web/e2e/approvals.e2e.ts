/** A release that two people have to approve, each in a browser of their own. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Visitor, closeBrowser } from './support/browser'
import { ORG, PRODUCT, TestServer } from './support/server'

const LIVE = `/o/${ORG}/p/${PRODUCT}/groups/eu-prod/live`
let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
  const secrets = await server.makeProduct()
  await server.group('eu-prod', await server.upload('rpi4-1.0.0'))
  server.sim(secrets, 2, ['--prefix', 'unit-', '--firmware', server.fixture('rpi4-1.0.0')])
  await server.connected(2)
  const steps = [{ name: 'Sign-off', type: 'approval_required', approvals: 2 }, { name: 'Everyone' }]
  await server.must('PUT', server.product('/deployments/eu-prod'), { deployment: { workflow: { version: 1, steps } } })
  const uuid = await server.upload('rpi4-1.1.0')
  await server.must('PUT', server.product('/deployments/eu-prod'), { deployment: { firmware: uuid } })
})
afterAll(async () => {
  await closeBrowser()
  await server?.stop()
})

const running = async (version: string): Promise<number> => {
  const devices = await server.must('GET', server.product('/devices'))
  return devices.filter((d: { version: string }) => d.version === version).length
}

async function approve(visitor: Visitor, reason: string): Promise<void> {
  await visitor.page.getByRole('button', { name: 'Approve', exact: true }).click()
  const dialog = visitor.page.getByRole('alertdialog')
  await dialog.getByLabel(/Reason/).fill(reason)
  await dialog.getByRole('button', { name: 'Approve' }).click()
}

test('two different people approve: one alone cannot, one who may only look neither', async () => {
  const eve = await Visitor.come(await server.invited('eve@example.com', 'manage'))
  const max = await Visitor.come(await server.invited('max@example.com', 'view'))
  const admin = await Visitor.come(server)
  for (const visitor of [admin, eve, max]) {
    await visitor.logIn()
    await visitor.page.goto(LIVE)
    await visitor.page.getByText('Step Sign-off waits for 2 more people to approve.').waitFor()
  }
  await admin.expectAccessibleInAllLooks('a release that waits for approvals')
  expect(await max.page.getByRole('button', { name: 'Approve', exact: true }).isDisabled()).toBe(true)

  await approve(admin, 'tested in the lab')
  await admin.page.getByText('You approved the step.').waitFor()
  // The others see it without a reload.
  await eve.page.getByText('Step Sign-off waits for a person to approve.').waitFor({ timeout: 60_000 })

  // Whoever approved once is told that it takes somebody else, and nothing goes on by it.
  await approve(admin, 'again')
  await admin.page.getByText('You approved this step already; it takes another person.').waitFor()
  await admin.expectAccessibleInAllLooks('an approval that was refused')
  await admin.page.getByRole('alertdialog').getByRole('button', { name: 'Keep as it is' }).click()
  expect(await running('1.1.0')).toBe(0)

  await approve(eve, 'seen by two')
  await server.until('both devices run the release', async () => (await running('1.1.0')) === 2)
  await admin.page.getByText(/Step Sign-off waits/).first().waitFor({ state: 'detached', timeout: 60_000 })
  await eve.expectAccessibleInAllLooks('a release that was approved')
  const log = JSON.stringify(await server.must('GET', server.product('/deployments/eu-prod/audit_logs')))
  for (const said of ['tested in the lab', 'seen by two']) expect(log).toContain(said)
  expect(log).not.toContain('"again"')
  for (const visitor of [admin, eve, max]) {
    visitor.expectWell()
    await visitor.leave()
  }
})
