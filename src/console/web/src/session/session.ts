/** Who is logged in: read once, and again when an answer says that the session is over. */
import { QueryClient, queryOptions, useQuery, useSuspenseQuery } from '@tanstack/react-query'
import { api, data, onSignedOut, setCsrf, take } from '../api/client'
import { Problem } from '../api/problem'
import { ROLES, type BrowserSession, type Role } from '../api/types'

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      // Pages of a large fleet are let go soon after nobody looks at them.
      gcTime: 60_000,
      retry: (count, error) => count < 2 && (!(error instanceof Problem) || error.status === 0 || error.status >= 500),
    },
  },
})

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  staleTime: Infinity,
  gcTime: Infinity,
  queryFn: async (): Promise<BrowserSession | null> => {
    try {
      const session = await data(api.GET('/api/session'))
      setCsrf(session.csrf ?? null)
      return session
    } catch (e) {
      if (!(e instanceof Problem) || ![401, 404].includes(e.status)) throw e
      setCsrf(null)
      return null
    }
  },
})

onSignedOut(() => void queries.invalidateQueries({ queryKey: ['session'] }))

/** The session; pages below the frame have one. */
export function useSession(): BrowserSession {
  const { data: session } = useSuspenseQuery(sessionQuery)
  if (!session) throw new Problem(401, 'Your session is over. Log in again.')
  return session
}

/** The person's role in an organization; null for one that is not theirs. */
export function useRole(org: string): Role | null {
  const { data: session } = useQuery(sessionQuery)
  const role = session?.orgs.find((o) => o.name === org)?.role
  return ROLES.find((r) => r === role) ?? null
}

/** Whether a role is at least another. */
export function atLeast(role: Role | null, wanted: Role): boolean {
  return role !== null && ROLES.indexOf(role) >= ROLES.indexOf(wanted)
}

/** Keeps a new session, which a login answered with, and forgets what another person saw. */
export function begin(session: BrowserSession): void {
  replace(session)
}

/** Ends the session on the server, then here. */
export async function end(): Promise<void> {
  await take(api.DELETE('/api/session'))
  replace(null)
}

/** What is kept outside of the queries and belongs to who is logged in. */
const forgetters = new Set<() => void>()

/** Calls back when somebody else is logged in, or nobody. */
export function onChangeOfPerson(forget: () => void): void {
  forgetters.add(forget)
}

/** Other tabs of this browser, which have the same cookie. */
const tabs = 'BroadcastChannel' in globalThis ? new BroadcastChannel('session') : undefined
if (tabs) tabs.onmessage = () => void readAgain()

/** Another tab logged in or out: what this one shows may be another person's. */
async function readAgain(): Promise<void> {
  const before = queries.getQueryData(sessionQuery.queryKey)?.user.email
  const after = await queries.fetchQuery({ ...sessionQuery, staleTime: 0 })
  if (after?.user.email !== before) forgetPerson()
}

function forgetPerson(): void {
  for (const forget of forgetters) forget()
  // The session itself stays: the frame watches it, and leaves when it is null.
  queries.removeQueries({ predicate: (q) => q.queryKey[0] !== sessionQuery.queryKey[0] })
}

function replace(session: BrowserSession | null): void {
  setCsrf(session?.csrf ?? null)
  queries.setQueryData(sessionQuery.queryKey, session)
  forgetPerson()
  tabs?.postMessage('changed')
}

/** Whether a browser reads a text as a path of this site, and not as the address of another. */
function isPath(text: string): boolean {
  return text.startsWith('/') && !/^\/[/\\]/.test(text)
}

/** Where to go after a login: a path of this site, and nothing that a browser would read as another site's address. */
export function nextPath(next: unknown): string {
  if (typeof next !== 'string' || !isPath(next)) return '/'
  const url = new URL(next, location.origin)
  // Dots are resolved now, and what is left must be a path still: `/.//host` is none.
  const path = url.pathname + url.search + url.hash
  return url.origin === location.origin && isPath(path) && !path.startsWith('/login') ? path : '/'
}
