/** What the server says of a wrong password, in words for where no field stands beside it. */
import { Problem } from '../../api/problem'

export async function proven<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (e) {
    const wrong = e instanceof Problem && ('current_password' in e.fields || e.message.startsWith('current_password'))
    throw wrong ? new Problem(e.status, 'That is not your password.') : e
  }
}
