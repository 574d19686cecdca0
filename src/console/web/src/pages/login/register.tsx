/** Asks for a link by mail that makes an account, where the server is open for it. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { Button } from '../../ui/button'
import { TextField, useForm } from '../../ui/form'
import { Failure, Notice, Skeleton } from '../../ui/layout'
import { Box } from './box'

export default function Register() {
  const server = useQuery({ queryKey: ['server'], queryFn: () => data(api.GET('/api/server')), staleTime: Infinity })
  return (
    <Box title="Create an account">
      {server.error && <Failure error={server.error} again={() => void server.refetch()} />}
      {server.isPending && <Skeleton lines={3} />}
      {server.data?.registration === 'open' && <Form />}
      {server.data?.registration === 'closed' && (
        <Notice>Registration is closed on this server. Ask an administrator of your organization for an invitation.</Notice>
      )}
      <Link to="/login" className="small">
        Back to the login
      </Link>
    </Box>
  )
}

function Form() {
  const [name, setName] = useState('')
  const [email, setEmail] = useState('')
  const [asked, setAsked] = useState(false)
  const form = useForm(async () => {
    await take(api.POST('/api/users/register', { body: { name, email } }))
    setAsked(true)
  }, ['name', 'email'])
  if (asked) {
    return <Notice kind="ok">A mail to {email} is on its way. Its link is good once, and for a day: there you choose a password.</Notice>
  }
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Name"
        hint="As others see it: 2 to 100 characters."
        autoComplete="name"
        required
        autoFocus
        value={name}
        error={form.error('name')}
        onChange={(e) => setName(e.target.value)}
      />
      <TextField
        label="Email"
        hint="You will log in with it. A link is mailed to it first."
        type="email"
        autoComplete="username"
        required
        value={email}
        error={form.error('email')}
        onChange={(e) => setEmail(e.target.value)}
      />
      <Button type="submit" kind="primary" busy={form.busy}>
        Send me a link
      </Button>
    </form>
  )
}
