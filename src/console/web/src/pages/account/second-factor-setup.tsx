/** Sets up a second factor: the password, the secret for the app with a first code of it, then the recovery codes, which are shown once. */
import { useState } from 'react'
import { api, data } from '../../api/client'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { TextField, useForm } from '../../ui/form'
import { CopyButton } from '../../ui/layout'
import { ShownOnce } from '../../ui/shown-once'
import { CurrentPassword } from './current-password'
import { QrCode } from './qr-code'
import { RecoveryCodes } from './recovery-codes'
import css from './account.module.css'

type Step = { at: 'password' } | { at: 'code'; secret: string; uri: string } | { at: 'codes'; codes: readonly string[] }

export function SetUp({ open, onClose }: { open: boolean; onClose: () => void }) {
  const [step, setStep] = useState<Step>({ at: 'password' })
  const close = () => {
    onClose()
    setStep({ at: 'password' })
    void queries.invalidateQueries({ queryKey: ['second-factor'] })
  }
  const codes = step.at === 'codes'
  return (
    // An answer that comes after the dialog was closed opens it again: the codes would be lost.
    <ShownOnce open={open || codes} once={codes} onClose={close} title={codes ? 'Keep your recovery codes' : 'Set up a second factor'}>
      {open && step.at === 'password' && <Password onClose={close} onDone={(made) => setStep({ at: 'code', ...made })} />}
      {step.at === 'code' && <FirstCode {...step} onClose={close} onDone={(made) => setStep({ at: 'codes', codes: made })} />}
      {step.at === 'codes' && <RecoveryCodes codes={step.codes} onDone={close} />}
    </ShownOnce>
  )
}

function Password({ onClose, onDone }: { onClose: () => void; onDone: (made: { secret: string; uri: string }) => void }) {
  const [password, setPassword] = useState('')
  const form = useForm(async () => {
    onDone(await data(api.POST('/api/users/me/totp', { body: { current_password: password } })))
  }, ['current_password'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <p>
        You need an app that makes six-digit codes: any authenticator or password manager does. First your password, so that nobody at a browser
        that was left open can lock you out.
      </p>
      <CurrentPassword autoFocus value={password} onChange={setPassword} error={form.error('current_password')} />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Go on
        </Button>
      </DialogButtons>
    </form>
  )
}

type FirstCodeProps = { secret: string; uri: string; onClose: () => void; onDone: (codes: readonly string[]) => void }

function FirstCode({ secret, uri, onClose, onDone }: FirstCodeProps) {
  const [code, setCode] = useState('')
  const form = useForm(async () => {
    onDone((await data(api.PUT('/api/users/me/totp', { body: { code } }))).recovery_codes)
  }, ['code'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <p>Scan this with the app, or type the secret into it. It is shown this once.</p>
      <div className={css.scan}>
        <QrCode text={uri} label="The secret for the app, as a QR code" />
        <div className="stack-small">
          <h3>Secret</h3>
          <p className={css.copied}>
            <code>{inFours(secret)}</code>
            <CopyButton text={secret} label="Copy the secret" />
          </p>
          <p className="small muted">By time, SHA-1, six digits, 30 seconds: what apps expect unless told otherwise.</p>
          <details>
            <summary>The whole address</summary>
            <p className={css.copied}>
              <code>{uri}</code>
              <CopyButton text={uri} label="Copy the address" />
            </p>
          </details>
        </div>
      </div>
      <TextField
        label="Code"
        hint="The six digits that the app shows now."
        autoComplete="one-time-code"
        inputMode="numeric"
        required
        autoFocus
        value={code}
        error={form.error('code')}
        onChange={(e) => setCode(e.target.value)}
      />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Switch it on
        </Button>
      </DialogButtons>
    </form>
  )
}

/** A secret in groups of four, which are easier to type. */
function inFours(secret: string): string {
  return secret.match(/.{1,4}/g)?.join(' ') ?? secret
}
