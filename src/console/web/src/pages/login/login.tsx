/** The login: email and password, then the code of the second factor where there is one. */
import { useQuery } from '@tanstack/react-query'
import { Link, useRouter, useSearch } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { api, data } from '../../api/client'
import type { BrowserSession, SecondStep } from '../../api/types'
import { begin, nextPath, queries, sessionQuery } from '../../session/session'
import { Button } from '../../ui/button'
import { Check, TextField, useForm } from '../../ui/form'
import { Box } from './box'

export default function Login() {
  const router = useRouter()
  const next = nextPath((useSearch({ strict: false }) as { next?: unknown }).next)
  const [challenge, setChallenge] = useState<string | null>(null)
  const enter = (session: BrowserSession) => {
    begin(session)
    router.history.replace(next)
  }
  // Who comes back by the browser's history is logged in already.
  useEffect(() => {
    void queries.ensureQueryData(sessionQuery).then((session) => session && router.history.replace(next))
  }, [router, next])
  return (
    <Box title={challenge ? 'Second factor' : 'Log in'}>
      {challenge ? (
        <Code challenge={challenge} onDone={enter} onBack={() => setChallenge(null)} />
      ) : (
        <Password onDone={enter} onSecond={(step) => setChallenge(step.challenge)} />
      )}
    </Box>
  )
}

function Password({ onDone, onSecond }: { onDone: (s: BrowserSession) => void; onSecond: (s: SecondStep) => void }) {
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const [remember, setRemember] = useState(false)
  const form = useForm(async () => {
    const answer = await data(api.POST('/api/session', { body: { email, password, remember } }))
    if ('challenge' in answer) onSecond(answer)
    else onDone(answer)
  })
  const server = useQuery({ queryKey: ['server'], queryFn: () => data(api.GET('/api/server')), staleTime: Infinity })
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField label="Email" type="email" autoComplete="username" required autoFocus value={email} onChange={(e) => setEmail(e.target.value)} />
      <TextField label="Password" type="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.target.value)} />
      <Check label="Stay logged in for 60 days" checked={remember} onChange={setRemember} />
      <Button type="submit" kind="primary" busy={form.busy}>
        Log in
      </Button>
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

function Code({ challenge, onDone, onBack }: { challenge: string; onDone: (s: BrowserSession) => void; onBack: () => void }) {
  const [code, setCode] = useState('')
  const form = useForm(async () => onDone(await data(api.POST('/api/session/second_factor', { body: { challenge, code } }))))
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Code"
        hint="Six digits from your app, or one of your recovery codes."
        autoComplete="one-time-code"
        required
        autoFocus
        value={code}
        onChange={(e) => setCode(e.target.value)}
      />
      <Button type="submit" kind="primary" busy={form.busy}>
        Go on
      </Button>
      <Button kind="plain" onClick={onBack}>
        Back
      </Button>
    </form>
  )
}
