/** What the server says of a wrong password, or of a login that is too long ago for an account without one, in words for where no field stands beside it. */
import { Problem } from '../../api/problem'

export async function proven<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (e) {
    const wrong = e instanceof Problem && ('current_password' in e.fields || e.message.startsWith('current_password'))
    throw wrong ? new Problem(e.status, notProven(e)) : e
  }
}

function notProven(problem: Problem): string {
  const none = problem.fields.current_password?.startsWith('is missing, since')
  return none ? 'Your last login is more than ten minutes ago. Log out, sign in again, and do it then.' : 'That is not your password.'
}
