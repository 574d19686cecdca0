/** The second factor of a login: whether it is on, and how it is set up or removed. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { counted } from '../../ui/text'
import { toast } from '../../ui/toast'
import { CurrentPassword } from './current-password'
import { proven } from './proven'
import { SetUp } from './second-factor-setup'

const FACTOR_KEY = ['second-factor']
/** From how few recovery codes on a person is told. */
const FEW = 3

export function SecondFactorCard() {
  const [setting, setSetting] = useState(false)
  const [removing, setRemoving] = useState(false)
  const factor = useQuery({ queryKey: FACTOR_KEY, queryFn: () => data(api.GET('/api/users/me/totp')) })
  return (
    <Card title="Second factor">
      {factor.error && <Failure error={factor.error} again={() => void factor.refetch()} />}
      {factor.isPending && <Skeleton lines={2} />}
      {factor.data && !factor.data.on && (
        <div className="stack-small">
          <Status tone="off">off</Status>
          <p>With a second factor, a login asks for a code of an app on your phone as well, so that a stolen password alone is worth nothing.</p>
          {factor.data.recovery_codes > 0 && <Left codes={factor.data.recovery_codes} of="your passkey" />}
          <div>
            <Button onClick={() => setSetting(true)}>Set it up</Button>
          </div>
        </div>
      )}
      {factor.data?.on && (
        <div className="stack-small">
          <Status tone="ok">on</Status>
          <Left codes={factor.data.recovery_codes} of="a code of the app" />
          <p className="muted">For new recovery codes, or another phone, remove it and set it up again.</p>
          <div>
            <Button kind="danger" onClick={() => setRemoving(true)}>
              Remove…
            </Button>
          </div>
        </div>
      )}
      <SetUp open={setting} onClose={() => setSetting(false)} />
      <Remove open={removing} onClose={() => setRemoving(false)} />
    </Card>
  )
}

function Left({ codes, of }: { codes: number; of: string }) {
  const text = `${counted(codes, 'recovery code')} left, each good once in place of ${of}.`
  return codes < FEW ? <Status tone="warn">{text}</Status> : <p>{text}</p>
}

function Remove({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [password, setPassword] = useState('')
  const close = () => {
    setPassword('')
    onClose()
  }
  const remove = async () => {
    await proven(take(api.DELETE('/api/users/me/totp', { body: { current_password: password } })))
    await queries.invalidateQueries({ queryKey: FACTOR_KEY })
    toast('The second factor is removed.')
  }
  return (
    <Confirm open={open} onClose={close} title="Remove the second factor" act="Remove it" danger onConfirm={remove}>
      <p>The entry in your app is worth nothing any more. Unless you have a passkey, neither are your recovery codes, and logins ask for your password alone.</p>
      <CurrentPassword value={password} onChange={setPassword} />
    </Confirm>
  )
}
