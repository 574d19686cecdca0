/** Asks for a link by mail that sets a new password. */
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, take } from '../../api/client'
import { Button } from '../../ui/button'
import { TextField, useForm } from '../../ui/form'
import { Notice } from '../../ui/layout'
import { Box } from './box'

export default function Forgotten() {
  const [email, setEmail] = useState('')
  const [asked, setAsked] = useState(false)
  const form = useForm(async () => {
    await take(api.POST('/api/users/password_reset', { body: { email } }))
    setAsked(true)
  })
  return (
    <Box title="A new password">
      {asked ? (
        <Notice kind="ok">If {email} has an account here, a link is on its way. It is good once, and for a day.</Notice>
      ) : (
        <form className="stack" onSubmit={form.submit}>
          {form.problem}
          <TextField label="Email" type="email" autoComplete="username" required autoFocus value={email} onChange={(e) => setEmail(e.target.value)} />
          <Button type="submit" kind="primary" busy={form.busy}>
            Send me a link
          </Button>
        </form>
      )}
      <Link to="/login" className="small">
        Back to the login
      </Link>
    </Box>
  )
}
