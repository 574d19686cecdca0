/** The buttons of the sign-in providers that the server is set up for. Each is a link: the server sends the browser to the provider. */
import type { SignInProvider } from '../../api/types'
import { buttonClass } from '../../ui/button'
import css from './login.module.css'

type Props = { providers: readonly SignInProvider[]; next: string; remember: boolean }

export function Providers({ providers, next, remember }: Props) {
  if (providers.length === 0) return null
  const query = new URLSearchParams()
  if (next !== '/') query.set('next', next)
  if (remember) query.set('remember', 'true')
  const asked = query.size > 0 ? `?${query}` : ''
  return (
    <div className="stack-small">
      <p className={css.or}>or</p>
      {providers.map((provider) => (
        <a key={provider.name} className={buttonClass} href={`/auth/oidc/${encodeURIComponent(provider.name)}${asked}`}>
          Sign in with {provider.label}
        </a>
      ))}
    </div>
  )
}
