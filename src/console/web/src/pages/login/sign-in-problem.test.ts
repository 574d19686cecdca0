import { expect, test } from 'vitest'
import { Problem } from '../../api/problem'
import { inWordsOfForm, signInProblem } from './sign-in-problem'

test('a word of the address becomes a sentence, and only where there is one', () => {
  expect(signInProblem('oidc_denied')).toBe('The sign-in was cancelled at the provider.')
  expect(signInProblem('anything <b>')).toBe('The sign-in did not work. Try it once more.')
  for (const none of [undefined, '', 7, null]) expect(signInProblem(none)).toBeNull()
})

test('a refused password is told by the labels of the form, and every other refusal as the server said it', () => {
  const refused = new Problem(401, 'Authentication failed, please check your username and password and try again.')
  expect(inWordsOfForm(refused)).toMatchObject({ status: 401, message: 'The email or the password is wrong. Check both and try again.' })
  for (const other of [new Problem(401, 'The code is wrong.'), new Problem(429, 'Too many logins for this username.'), new Error('username')]) {
    expect(inWordsOfForm(other)).toBe(other)
  }
})
