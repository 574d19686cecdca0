import { expect, test } from 'vitest'
import { problemOf } from './problem'

test('a refusal is read as the API writes it', () => {
  expect(problemOf(404, { errors: { detail: 'Resource Not Found' } }).message).toBe('Resource Not Found')
  const both = problemOf(422, { errors: { detail: 'name is too long.', name: ['is too long'] } })
  expect([both.message, both.fields]).toEqual(['name is too long.', { name: 'is too long' }])
  const invalid = problemOf(422, { errors: { name: ['has already been taken', 'is too long'], workflow: { steps: ['is empty'] } } })
  expect(invalid.fields).toEqual({ name: 'has already been taken, is too long', 'workflow.steps': 'is empty' })
  expect(invalid.message).toBe('name has already been taken, is too long; workflow.steps is empty')
})

test('an answer that is none of these still says something', () => {
  for (const body of [undefined, null, 'text', [], { errors: null }, { errors: {} }, { errors: { a: [1] } }]) {
    expect(problemOf(429, body).message).toMatch(/Too many/)
    expect(problemOf(502, body).message).toMatch(/server failed/)
  }
})
