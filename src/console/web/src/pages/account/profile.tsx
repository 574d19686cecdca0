/** One's name and address, how the console looks, and the end of the account. */
import { useState } from 'react'
import { api, take } from '../../api/client'
import { type Preferences, usePreferences, useSetPreferences } from '../../session/preferences'
import { queries, sessionQuery, useSession } from '../../session/session'
import { Button } from '../../ui/button'
import { Check, SelectField, TextField, useForm } from '../../ui/form'
import { Card } from '../../ui/layout'
import { attempt, toast } from '../../ui/toast'
import { Address } from './address'
import { DeleteAccount } from './delete-account'
import css from './account.module.css'

export default function Profile() {
  return (
    <>
      <Name />
      <Address />
      <Appearance />
      <DeleteAccount />
    </>
  )
}

function Name() {
  const { user } = useSession()
  const [name, setName] = useState(user.name)
  const form = useForm(async () => {
    await take(api.PUT('/api/users/me', { body: { name } }))
    await queries.invalidateQueries({ queryKey: sessionQuery.queryKey })
    toast('Your name is changed.')
  }, ['name'])
  return (
    <Card title="You">
      <form className={css.form} onSubmit={form.submit}>
        {form.problem}
        <TextField
          label="Name"
          hint="As others see it in audit logs and lists: 2 to 100 characters."
          autoComplete="name"
          required
          value={name}
          error={form.error('name')}
          onChange={(e) => setName(e.target.value)}
        />
        <div>
          <Button type="submit" busy={form.busy} disabled={name.trim() === user.name}>
            Save
          </Button>
        </div>
      </form>
    </Card>
  )
}

const THEMES = [
  { value: '', label: 'as the system has it' },
  { value: 'light', label: 'light' },
  { value: 'dark', label: 'dark' },
]
const DENSITIES = [
  { value: '', label: 'compact: more rows on a screen' },
  { value: 'comfortable', label: 'comfortable: more room between rows' },
]

function Appearance() {
  const { theme, density, keys } = usePreferences()
  const { mutateAsync } = useSetPreferences()
  const set = (changed: Preferences) => void attempt('Kept for all of your browsers.', () => mutateAsync(changed))
  return (
    <Card title="Appearance">
      <div className={css.form}>
        <SelectField label="Theme" options={THEMES} value={theme ?? ''} onChange={(value) => set({ theme: THEME[value] })} />
        <SelectField
          label="Rows of tables"
          options={DENSITIES}
          value={density ?? ''}
          onChange={(value) => set({ density: value === 'comfortable' ? value : undefined })}
        />
        <Check
          label="Single keys act"
          hint="Such as / for the query of a list and g d for the devices; ? shows them all. Switch them off if a screen reader or speech input uses keys of its own."
          checked={keys !== false}
          onChange={(on) => set({ keys: on ? undefined : false })}
        />
      </div>
    </Card>
  )
}

const THEME: Record<string, Preferences['theme']> = { light: 'light', dark: 'dark' }
