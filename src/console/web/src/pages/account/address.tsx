/** The address that one logs in with, and another one that waits to be confirmed. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { queries, sessionQuery, useSession } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { TextField, useForm } from '../../ui/form'
import { Card, Failure, Notice } from '../../ui/layout'
import { toast } from '../../ui/toast'
import { proven } from './proven'
import css from './account.module.css'

const KEY = ['me']

async function change(email: string, password: string): Promise<void> {
  await data(api.PUT('/api/users/me', { body: { email, current_password: password } }))
  await queries.invalidateQueries({ queryKey: KEY })
}

export function Address() {
  const { user } = useSession()
  const server = useQuery({ queryKey: ['server'], queryFn: () => data(api.GET('/api/server')), staleTime: Infinity })
  const me = useQuery({
    queryKey: KEY,
    queryFn: async () => {
      const own = await data(api.GET('/api/users/me'))
      // It may have been confirmed elsewhere meanwhile.
      if (own.email !== user.email) void queries.invalidateQueries({ queryKey: sessionQuery.queryKey })
      return own
    },
    refetchOnWindowFocus: true,
  })
  const wanted = me.data?.new_email
  return (
    <Card title="Address">
      <div className={css.form}>
        {me.error && <Failure error={me.error} again={() => void me.refetch()} />}
        <TextField label="Email" hint="You log in with it, and others invite you by it." readOnly value={me.data?.email ?? user.email} />
        {wanted && <Wanted email={wanted} present={user.email} />}
        {server.data?.mail === false && <p className="muted">This server sends no mail, so that no other address can be confirmed.</p>}
        {server.data?.mail && <Form />}
      </div>
    </Card>
  )
}

function Wanted({ email, present }: { email: string; present: string }) {
  const [keeping, setKeeping] = useState(false)
  const [password, setPassword] = useState('')
  return (
    <Notice kind="warn">
      <div className="stack-small">
        <p>
          {email} waits to be confirmed: open the link that was mailed to it within a day. Until then you log in with {present}.
        </p>
        <div>
          <Button small onClick={() => setKeeping(true)}>
            Keep the present one…
          </Button>
        </div>
      </div>
      <Confirm
        open={keeping}
        onClose={() => setKeeping(false)}
        title={`Keep ${present}`}
        act="Keep it"
        onConfirm={() => proven(change(present, password)).then(() => toast('Your address stays as it is.'))}
      >
        <p>The link that was mailed to {email} is worth nothing any more.</p>
        <TextField
          label="Your password"
          type="password"
          autoComplete="current-password"
          required
          value={password}
          onChange={(e) => setPassword(e.target.value)}
        />
      </Confirm>
    </Notice>
  )
}

function Form() {
  const [email, setEmail] = useState('')
  const [password, setPassword] = useState('')
  const form = useForm(async () => {
    await change(email, password)
    setEmail('')
    setPassword('')
  }, ['email', 'current_password'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="New email"
        hint="A link is mailed to it; it counts once you have opened that. The present one is told."
        type="email"
        autoComplete="email"
        required
        value={email}
        error={form.error('email')}
        onChange={(e) => setEmail(e.target.value)}
      />
      <TextField
        label="Your password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        error={form.error('current_password')}
        onChange={(e) => setPassword(e.target.value)}
      />
      <div>
        <Button type="submit" busy={form.busy}>
          Change the address
        </Button>
      </div>
    </form>
  )
}
