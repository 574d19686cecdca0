import { beforeEach, expect, it, vi } from 'vitest'

beforeEach(() => {
  vi.stubGlobal('location', { origin: 'https://hub.example' })
  vi.resetModules()
})

it('says why a script did not run', async () => {
  const { refusal } = await import('./script')
  const { problemOf } = await import('../../api/problem')
  const refused = (status: number, detail: string) => refusal(problemOf(status, { errors: { detail } }), 'sn-1')
  expect(refused(404, 'Resource Not Found')).toBe('There is no device sn-1 in this product, or the script was deleted.')
  expect(refused(503, 'The device is not connected.')).toBe('The device is not connected.')
  expect(refusal(new Error('odd'), 'sn-1')).toBe('Error: odd')
})

it('waits for no longer than the server does', async () => {
  const { FIRST_WAIT, WAITS } = await import('./script')
  expect(WAITS.some((w) => w.value === FIRST_WAIT)).toBe(true)
  expect(Math.max(...WAITS.map((w) => Number(w.value)))).toBe(300_000)
})
