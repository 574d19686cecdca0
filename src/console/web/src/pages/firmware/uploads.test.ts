import { expect, it, vi } from 'vitest'

vi.stubGlobal('location', { origin: 'https://hub.example' })
const { uploadList } = await import('./uploads')

it('forgets all uploads at the end of a session, and what was running says nothing any more', async () => {
  const file = new File(['firmware'], 'a.fw')
  uploadList.add('org', 'product', 'firmware', [file, file, file])
  expect(uploadList.snapshot().map((u) => u.state)).toEqual(['reading', 'reading', 'waiting'])
  let told = 0
  uploadList.subscribe(() => told++)
  uploadList.forget()
  expect(uploadList.snapshot()).toEqual([])
  await new Promise((done) => setTimeout(done, 50))
  expect(uploadList.snapshot()).toEqual([])
  expect(told).toBe(1)
})
