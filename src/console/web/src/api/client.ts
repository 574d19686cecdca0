/** The one client of the REST API. The session is a cookie that scripts cannot read; what changes something brings the CSRF proof. */
import createClient, { type Middleware } from 'openapi-fetch'
import { type Problem, problemOf, unreachable } from './problem'
import type { paths } from './schema'

let csrf: string | null = null
const signedOut = new Set<() => void>()

/** Keeps the proof that requests of this session bring. */
export function setCsrf(proof: string | null): void {
  csrf = proof
}

/** Calls back when an answer says that the session is over. */
export function onSignedOut(told: () => void): () => void {
  signedOut.add(told)
  return () => signedOut.delete(told)
}

const proof: Middleware = {
  onRequest({ request }) {
    if (csrf && request.method !== 'GET') request.headers.set('X-CSRF-Token', csrf)
    return request
  },
  onResponse({ response, request }) {
    // A wrong password is a 401, too, and no session has ended by it.
    if (response.status === 401 && csrf && request.method === 'GET') for (const told of signedOut) told()
    return response
  },
}

export const api = createClient<paths>({ baseUrl: location.origin, querySerializer: serialize })
api.use(proof)

/** Writes `filters[search]=x` for nested values, as the API reads them. */
function serialize(query: Record<string, unknown>): string {
  const written = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') written.set(key, String(value))
  }
  return written.toString()
}

type Outcome<T> = { data?: T; error?: unknown; response: Response }

/** The body of an answer; a refusal is thrown as a `Problem`. */
export async function take<T>(asked: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>
  try {
    outcome = await asked
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw unreachable()
  }
  if (!outcome.response.ok) throw problemOf(outcome.response.status, outcome.error)
  return outcome.data as T
}

/** The `data` of an answer `{"data": ..}`; a refusal is thrown as a `Problem`. */
export async function data<T>(asked: Promise<Outcome<{ data: T }>>): Promise<T> {
  return (await take(asked)).data
}

/** A request that the typed client cannot make: one with a body of bytes, or whose address was put together. */
export async function send(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers)
  if (csrf && method !== 'GET') headers.set('X-CSRF-Token', csrf)
  let response: Response
  try {
    response = await fetch(path, { ...init, method, headers, credentials: 'same-origin' })
  } catch (e) {
    if (e instanceof DOMException && e.name === 'AbortError') throw e
    throw unreachable()
  }
  if (!response.ok) throw await refusal(response)
  return response
}

async function refusal(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => undefined)
  return problemOf(response.status, body)
}
