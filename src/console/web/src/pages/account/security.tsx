/** How the account is kept safe: its password, a second factor, and where it is logged in. */
import { PasswordCard } from './password'
import { SecondFactorCard } from './second-factor'
import { Sessions } from './sessions'

export default function Security() {
  return (
    <>
      <PasswordCard />
      <SecondFactorCard />
      <Sessions />
    </>
  )
}
