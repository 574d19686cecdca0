/** What went wrong with a login, in the words of its form. */
import { Problem } from '../../api/problem'

/** By the word that the server puts into the address after a sign-in at a provider. */
const TEXTS: Record<string, string> = {
  oidc_busy: 'Too many sign-ins are under way. Try again in a minute.',
  oidc_denied: 'The sign-in was cancelled at the provider.',
  oidc_domain: 'Your email address at the provider is not of a domain that may sign in here.',
  oidc_down: 'The sign-in provider cannot be reached. Try again in a minute, or log in with your password.',
  oidc_failed: 'The sign-in did not work. Try it once more.',
  oidc_link_first:
    'There is an account with your email address already. Log in with its password, then link the provider: your account, Security.',
  oidc_refused: 'The provider refused the sign-in. Try it once more; if it stays so, tell whoever runs this server.',
  oidc_state: 'This sign-in is over, or was begun in another browser. Try it once more.',
  oidc_taken: 'That account at the provider is linked to another account here.',
  oidc_unconfirmed:
    'The email address of this account was never confirmed. Whoever runs this server can confirm it: nervecenter admin reset-password',
  oidc_unknown: 'Nobody here knows you yet. Ask an administrator of your organization for an invitation.',
  oidc_unknown_provider: 'This server has no such sign-in provider.',
  oidc_untrusted: 'The answer of the provider did not check out, so nobody was logged in. Whoever runs this server finds the reason in its log.',
  oidc_unverified: 'The provider has not verified your email address. Verify it there, then sign in again.',
}

/** The sentence for a word; null where there is no word. */
export function signInProblem(word: unknown): string | null {
  if (typeof word !== 'string' || word === '') return null
  return TEXTS[word] ?? 'The sign-in did not work. Try it once more.'
}

/** A refused password: the API calls the email address a username, the form does not. Other refusals stay as they are. */
export function inWordsOfForm(refused: unknown): unknown {
  if (!(refused instanceof Problem) || refused.status !== 401 || !refused.message.includes('username')) return refused
  return new Problem(401, 'The email or the password is wrong. Check both and try again.')
}
