/** The end of the account: asked for by the password and the typed email. */
import { useState } from 'react'
import { api, take } from '../../api/client'
import { useSession } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card } from '../../ui/layout'
import { counted } from '../../ui/text'
import { CurrentPassword } from './current-password'
import { proven } from './proven'
import css from './account.module.css'

export function DeleteAccount() {
  const { user, orgs } = useSession()
  const [asking, setAsking] = useState(false)
  const [password, setPassword] = useState('')
  const remove = async () => {
    await proven(take(api.DELETE('/api/users/me', { body: { current_password: password } })))
    // The session went with the account. A page that is loaded anew has forgotten all that belonged to it.
    location.assign('/login')
  }
  const close = () => {
    setAsking(false)
    setPassword('')
  }
  return (
    <Card title="Delete your account">
      <div className="stack-small">
        <p>With your account go, at once and for good:</p>
        <ul className={css.list}>
          <li>your tokens, so that programs that use them fail from then on,</li>
          <li>your sessions in all browsers, your saved views and pins,</li>
          <li>your membership in {orgs.length === 0 ? 'organizations' : counted(orgs.length, 'organization')}.</li>
        </ul>
        <p>
          What you made stays, and the audit logs keep your name. It is refused while you are the only administrator of an organization: make
          somebody else one first, or delete what nobody needs.
        </p>
        <div>
          <Button kind="danger" onClick={() => setAsking(true)}>
            Delete your account…
          </Button>
        </div>
      </div>
      <Confirm open={asking} onClose={close} title="Delete your account" act="Delete it" danger typed={user.email} onConfirm={remove}>
        <p>Your tokens, sessions, saved views and memberships go for good. Nobody can bring them back.</p>
        <CurrentPassword value={password} onChange={setPassword} />
      </Confirm>
    </Card>
  )
}
