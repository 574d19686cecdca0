/** The second step of a login: a passkey, a code of an app, or a recovery code. */
import { useState } from 'react'
import { api, data } from '../../api/client'
import type { BrowserSession, SecondStep as Step } from '../../api/types'
import { askForPasskey, knowsPasskeys } from '../../session/passkey'
import { Button } from '../../ui/button'
import { TextField, useForm } from '../../ui/form'

type Props = { step: Step; onDone: (s: BrowserSession) => void; onBack: () => void }

export function SecondStep({ step, onDone, onBack }: Props) {
  const app = step.second_factor.includes('totp')
  const passkey = step.second_factor.includes('passkey') && knowsPasskeys()
  return (
    <div className="stack">
      {passkey && <WithPasskey challenge={step.challenge} onDone={onDone} />}
      <WithCode challenge={step.challenge} app={app} first={!passkey} onDone={onDone} />
      <Button kind="plain" onClick={onBack}>
        Back
      </Button>
    </div>
  )
}

function WithPasskey({ challenge, onDone }: { challenge: string; onDone: (s: BrowserSession) => void }) {
  const form = useForm(async () => {
    const asked = await data(api.POST('/api/session/passkey/options', { body: { challenge } }))
    const assertion = await askForPasskey(asked.options)
    const body = { challenge: asked.challenge, assertion: assertion as never }
    onDone(await data(api.POST('/api/session/second_factor', { body })))
  })
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <Button type="submit" kind="primary" busy={form.busy} autoFocus>
        Use your passkey
      </Button>
    </form>
  )
}

type CodeProps = { challenge: string; app: boolean; first: boolean; onDone: (s: BrowserSession) => void }

function WithCode({ challenge, app, first, onDone }: CodeProps) {
  const [code, setCode] = useState('')
  const form = useForm(async () => onDone(await data(api.POST('/api/session/second_factor', { body: { challenge, code } }))))
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label={app ? 'Code' : 'Recovery code'}
        hint={app ? 'Six digits from your app, or one of your recovery codes.' : 'One of those that you kept when you added your passkey.'}
        autoComplete="one-time-code"
        required
        autoFocus={first}
        value={code}
        onChange={(e) => setCode(e.target.value)}
      />
      <Button type="submit" kind={first ? 'primary' : undefined} busy={form.busy}>
        Go on
      </Button>
    </form>
  )
}
