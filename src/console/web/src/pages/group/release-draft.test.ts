import { expect, it, vi } from 'vitest'

vi.stubGlobal('location', { origin: 'https://hub.example' })
const { draftOf, isAlike, leftOut, proposalOf, workflowOf } = await import('./release-draft')

it('keeps the workflow of the group when the address names no plan that there is', () => {
  expect(draftOf({ plan: 'canray' }).plan).toBe('keep')
  expect(workflowOf(draftOf({ plan: 'canray' }))).toBeUndefined()
  expect(workflowOf(draftOf({}))).toBeUndefined()
  expect(draftOf({ plan: 'canary' }).plan).toBe('canary')
  expect(workflowOf(draftOf({ plan: 'everybody' }))).toBeNull()
})

it('takes a workflow of its own only when it can be read', () => {
  expect(workflowOf(draftOf({ plan: 'own', workflow: '{"steps": []}' }))).toEqual({ steps: [] })
  expect(workflowOf(draftOf({ plan: 'own' }))).toBeNull()
  expect(workflowOf(draftOf({ plan: 'own', workflow: '{"steps": [' }))).toBeUndefined()
})

it('asks a dry run about what it knows, and says what it does not', () => {
  const changes = { conditions: { tags: [] }, concurrent_updates: 3, bytes_per_second: 1000 }
  expect(proposalOf(draftOf({ firmware: 'f' }), changes)).toEqual({ firmware: 'f', bytes_per_second: 1000 })
  expect(leftOut(changes)).toHaveLength(2)
  expect(leftOut({ bytes_per_second: 1000 })).toHaveLength(1)
})

it('compares workflows by what they say, not by how they are written', () => {
  expect(isAlike({ version: 1, steps: [{ a: 1, b: [2] }] }, { steps: [{ b: [2], a: 1 }], version: 1 })).toBe(true)
  expect(isAlike({ steps: [1, 2] }, { steps: [2, 1] })).toBe(false)
  expect(isAlike({ a: undefined }, { b: undefined })).toBe(false)
  expect([isAlike(null, null), isAlike(null, {}), isAlike([], {})]).toEqual([true, false, false])
})
