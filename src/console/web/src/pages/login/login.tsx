/** The login: email and password, a sign-in provider or a passkey, then the second factor where there is one. */
import { useQuery } from '@tanstack/react-query'
import { Link, useRouter, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { api, data } from '../../api/client'
import type { BrowserSession, SecondStep as Step } from '../../api/types'
import { askForPasskey, knowsPasskeys } from '../../session/passkey'
import { begin, nextPath, queries, sessionQuery } from '../../session/session'
import { Button } from '../../ui/button'
import { Check, TextField, useForm } from '../../ui/form'
import { Notice } from '../../ui/layout'
import { Box } from './box'
import { Providers } from './providers'
import { SecondStep } from './second-step'
import { inWordsOfForm, signInProblem } from './sign-in-problem'

/** The second step after a sign-in at a provider: the address says what may take it, and the browser has its challenge in a cookie. */
function stepOf(kinds: unknown): Step | null {
  if (typeof kinds !== 'string' || kinds === '') return null
  const known = (kind: string) => kind === 'totp' || kind === 'passkey'
  return { challenge: '', second_factor: kinds.split('.').filter(known) }
}

export default function Login() {
  const router = useRouter()
  const search = useSearch({ strict: false }) as { next?: unknown; error?: unknown; step?: unknown }
  const next = nextPath(search.next)
  const problem = signInProblem(search.error)
  const [step, setStep] = useState<Step | null>(stepOf(search.step))
  const enter = (session: BrowserSession) => {
    begin(session)
    router.history.replace(next)
  }
  // Who comes back by the browser's history is logged in already.
  useEffect(() => {
    void queries.ensureQueryData(sessionQuery).then((session) => session && router.history.replace(next))
  }, [router, next])
  return (
    <Box title={step ? 'Second factor' : 'Log in'}>
      {problem && <Notice kind="bad">{problem}</Notice>}
      {step ? <SecondStep step={step} onDone={enter} onBack={() => setStep(null)} /> : <First next={next} onDone={enter} onSecond={setStep} />}
    </Box>
  )
}

type FirstProps = { next: string; onDone: (s: BrowserSession) => void; onSecond: (s: Step) => void }

function First({ next, onDone, onSecond }: FirstProps) {
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [remember, setRemember] = useState(false)
  const form = useForm(async () => {
    const answer = await data(api.POST('/api/session', { body: { email, password, remember } })).catch((e: unknown) => {
      throw inWordsOfForm(e)
    })
    if ('challenge' in answer) onSecond(answer)
    else onDone(answer)
  })
  const server = useQuery({ queryKey: ['server'], queryFn: () => data(api.GET('/api/server')), staleTime: Infinity })
  const passkey = useForm(async () => {
    const { options, challenge } = await data(api.POST('/api/session/passkey/options', { body: {} }))
    const assertion = await askForPasskey(options)
    onDone(await data(api.POST('/api/session/passkey', { body: { challenge, assertion: assertion as never, remember } })))
  })
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      {passkey.problem}
      <TextField label="Email" type="email" autoComplete="username" required autoFocus value={email} onChange={(e) => setEmail(e.target.value)} />
      <TextField label="Password" type="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />
      <Check label="Stay logged in for 60 days" checked={remember} onChange={setRemember} />
      <Button type="submit" kind="primary" busy={form.busy}>
        Log in
      </Button>
      {server.data?.passkeys && knowsPasskeys() && (
        <Button busy={passkey.busy} onClick={passkey.submit}>
          Log in with a passkey
        </Button>
      )}
      <Providers providers={server.data?.oidc ?? []} next={next} remember={remember} />
      {server.data?.registration === 'open' && (
        <Link to="/register" className="small">
          Create an account
        </Link>
      )}
      {server.data?.mail ? (
        <Link to="/forgotten" className="small">
          Forgot your password?
        </Link>
      ) : (
        <p className="small muted">
          The first login was printed when this server was started for the first time. A lost password is given anew by whoever runs the
          server: <code>nervecenter admin reset-password</code>
        </p>
      )}
    </form>
  )
}
