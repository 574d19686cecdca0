/** Recovery codes, which are shown once: to be copied, or kept as a file. */
import { Download } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useSession } from '../../session/session'
import { buttonClass } from '../../ui/button'
import { Check } from '../../ui/form'
import { CopyButton, Notice } from '../../ui/layout'
import { Kept } from '../../ui/shown-once'
import css from './account.module.css'

type Props = { codes: readonly string[]; of?: 'app' | 'passkey'; onDone: () => void }

export function RecoveryCodes({ codes, of = 'app', onDone }: Props) {
  const passkey = of === 'passkey'
  const { user } = useSession()
  const [kept, setKept] = useState(false)
  const text = `Recovery codes of ${user.email} at ${location.host}, each good once:\n\n${codes.join('\n')}\n`
  const file = useFile(text)
  return (
    <div className="stack">
      <Notice kind="ok">{passkey ? 'The passkey is added.' : 'The second factor is on.'}</Notice>
      <p>
        {passkey
          ? 'When your passkey is lost, one of these goes with your password in its place.'
          : 'When your phone is lost, one of these logs you in, in place of a code of the app.'}{' '}
        Each is good once. They are shown this once; keep them where you keep passwords, and not on {passkey ? 'the device of the passkey' : 'the phone'}{' '}
        alone.
      </p>
      <ul className={css.codes}>
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div className="row">
        {file && (
          <a className={buttonClass} href={file} download="nervecenter-recovery-codes.txt">
            <Download size={15} aria-hidden /> Download
          </a>
        )}
        <CopyButton text={text} label="Copy the codes" />
      </div>
      <Check label="I have kept them" checked={kept} onChange={setKept} />
      <Kept label="Done" wait={!kept} onDone={onDone} />
    </div>
  )
}

/** An address in this page that a text can be downloaded from. */
function useFile(text: string): string | null {
  const [url, setUrl] = useState<string | null>(null)
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([text], { type: 'text/plain' }))
    setUrl(made)
    return () => URL.revokeObjectURL(made)
  }, [text])
  return url
}
