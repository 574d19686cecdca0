import { expect, test } from 'vitest'
import { signInProblem } from './sign-in-problem'

test('a word of the address becomes a sentence, and only where there is one', () => {
  expect(signInProblem('oidc_denied')).toBe('The sign-in was cancelled at the provider.')
  expect(signInProblem('anything <b>')).toBe('The sign-in did not work. Try it once more.')
  for (const none of [undefined, '', 7, null]) expect(signInProblem(none)).toBeNull()
})
