/** How the account is kept safe: its password, passkeys, a second factor, and where it is logged in. */
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
      <Sessions />
    </>
  )
}
