/** Changes the password, or sets the first one of an account that was made by a sign-in at a provider. */
import { useState } from 'react'
import { api, take } from '../../api/client'
import { Problem } from '../../api/problem'
import { queries, sessionQuery, useSession } from '../../session/session'
import { Button } from '../../ui/button'
import { TextField, useForm } from '../../ui/form'
import { Card } from '../../ui/layout'
import { toast } from '../../ui/toast'
import { CurrentPassword } from './current-password'
import css from './account.module.css'

/** The shortest password that the server takes. */
const SHORTEST = 12

export function PasswordCard() {
  const { user } = useSession()
  const [current, setCurrent] = useState('')
  const [fresh, setFresh] = useState('')
  const [again, setAgain] = useState('')
  const form = useForm(async () => {
    if (fresh !== again) throw new Problem(422, 'The new passwords are not the same.', { again: 'is not the same as the new password' })
    await take(api.PUT('/api/users/me/password', { body: { current_password: current, new_password: fresh } }))
    for (const clear of [setCurrent, setFresh, setAgain]) clear('')
    toast('Your password is changed; all other sessions and tokens have ended.')
    const changed = [['sessions'], ['tokens'], sessionQuery.queryKey]
    await Promise.all(changed.map((queryKey) => queries.invalidateQueries({ queryKey })))
  }, ['current_password', 'new_password', 'again'])
  return (
    <Card title="Password">
      <form className={css.form} onSubmit={form.submit}>
        {form.problem}
        <p>A new password ends your sessions in other browsers, and all of your tokens: programs that use one need a new one.</p>
        {/* Password managers learn from this field whose password it is. */}
        <input type="hidden" name="username" autoComplete="username" value={user.email} readOnly />
        <CurrentPassword label="Present password" value={current} onChange={setCurrent} error={form.error('current_password')} />
        <TextField
          label="New password"
          hint={`At least ${SHORTEST} characters; several words are good.`}
          type="password"
          autoComplete="new-password"
          required
          minLength={SHORTEST}
          value={fresh}
          error={form.error('new_password')}
          onChange={(e) => setFresh(e.target.value)}
        />
        <TextField
          label="New password once more"
          type="password"
          autoComplete="new-password"
          required
          value={again}
          error={form.error('again')}
          onChange={(e) => setAgain(e.target.value)}
        />
        <div>
          <Button type="submit" busy={form.busy}>
            {user.password ? 'Change the password' : 'Set a password'}
          </Button>
        </div>
      </form>
    </Card>
  )
}
