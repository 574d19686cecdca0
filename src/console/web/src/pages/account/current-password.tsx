/** Asks for the password again, before something that only its person may do at this browser. Who has none has logged in a moment ago. */
import { useSession } from '../../session/session'
import { TextField } from '../../ui/form'
import { Notice } from '../../ui/layout'

type Props = { value: string; onChange: (value: string) => void; label?: string; error?: string | undefined; autoFocus?: boolean }

export function CurrentPassword({ value, onChange, label = 'Your password', error, autoFocus }: Props) {
  const { user } = useSession()
  if (!user.password)
    return (
      <Notice kind={error ? 'bad' : undefined}>
        Your account has no password. In its place counts that you have logged in within the last ten minutes: if it is longer ago, log out and
        sign in again first.
      </Notice>
    )
  return (
    <TextField
      label={label}
      type="password"
      autoComplete="current-password"
      required
      autoFocus={autoFocus}
      value={value}
      error={error}
      onChange={(e) => onChange(e.target.value)}
    />
  )
}
