/** How the account is kept safe: its password, passkeys, a second factor, sign-in providers, and where it is logged in. */
import { IdentitiesCard } from './identities'
import { PasskeysCard } from './passkeys'
import { PasswordCard } from './password'
import { SecondFactorCard } from './second-factor'
import { Sessions } from './sessions'

export default function Security() {
  return (
    <>
      <PasswordCard />
      <PasskeysCard />
      <SecondFactorCard />
      <IdentitiesCard />
      <Sessions />
    </>
  )
}
