/** What can go wrong with an upload: what passes by itself, and what is said about the rest. */
import { Problem } from '../../api/problem'
import { bytes } from '../../ui/text'

/**
 * Whether another attempt may succeed: without an answer, when the server is busy, and when it says that the upload broke off (400),
 * stands elsewhere (409) or was forgotten at a restart (404).
 */
export function isPassing(error: unknown): boolean {
  return error instanceof Problem && (error.status === 0 || error.status >= 500 || [400, 404, 409, 429].includes(error.status))
}

/** What went wrong, for people. */
export function words(error: unknown): string {
  if (error instanceof Problem) {
    if (error.status === 0) return 'The server cannot be reached.'
    if (error.message.startsWith('uuid has already been taken')) return 'The product has this very file already.'
    const most = /^size must be between 1 and (\d+)/.exec(error.message)?.[1]
    return most ? `The server takes files of 1 byte to ${bytes(Number(most))}.` : error.message
  }
  return 'The file cannot be read any more. Was it moved or changed? Choose it again.'
}

/** Waits, but not longer than until the browser says that it is connected again. */
export function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      window.clearTimeout(timer)
      window.removeEventListener('online', end)
      signal.removeEventListener('abort', end)
      if (signal.aborted) reject(signal.reason as Error)
      else resolve()
    }
    const timer = window.setTimeout(end, milliseconds)
    window.addEventListener('online', end)
    signal.addEventListener('abort', end)
  })
}
