/** Files of a console: sending one to the device, and keeping those that the device sends. */
import { Upload } from 'lucide-react'
import { useRef } from 'react'
import { HELD, KEPT, type Transfer } from '../../terminal/files'
import type { Session } from '../../terminal/session'
import { Button } from '../../ui/button'
import { Status } from '../../ui/status'
import { bytes, percent } from '../../ui/text'
import css from './terminal-page.module.css'

/** Files came with version 2.0.0 of the console. */
export function mayTransfer(session: Session): boolean {
  return session.state.is === 'joined' && session.device === 'open' && Number.parseInt(session.version, 10) >= 2
}

type Props = { session: Session; onFiles: (files: readonly File[]) => void }

export function SendFile({ session, onFiles }: Props) {
  const input = useRef<HTMLInputElement>(null)
  const may = mayTransfer(session)
  const old = session.device === 'open' && !may
  return (
    <>
      <Button
        small
        disabled={!may}
        title={old ? 'Files need nerves_hub_link 2.1 or later on the device.' : 'At most 10 MiB, into the folder of the device for files'}
        onClick={() => input.current?.click()}
      >
        <Upload size={14} aria-hidden /> Send a file
      </Button>
      <input
        ref={input}
        className={css.file}
        type="file"
        multiple
        tabIndex={-1}
        aria-label="Files to send to the device"
        onChange={(event) => {
          onFiles([...(event.target.files ?? [])])
          event.target.value = ''
        }}
      />
    </>
  )
}

/** Files that are under way or passed since the page was opened. */
export function FileList({ files, onClear }: { files: readonly Transfer[]; onClear: () => void }) {
  return (
    <ul className={css.files} aria-label="Files" aria-live="polite">
      {files.map((file) => (
        <li key={file.id}>
          <One file={file} />
        </li>
      ))}
      {files.length > 0 && (
        <li>
          <Button small kind="plain" onClick={onClear}>
            Clear the list
          </Button>
          <span className="small muted">
            The newest {KEPT} are kept until the page is left, {bytes(HELD)} at most. Save what you need.
          </span>
        </li>
      )}
    </ul>
  )
}

function One({ file }: { file: Transfer }) {
  const size =
    file.size === null
      ? bytes(file.done)
      : `${bytes(file.size)}${file.state === 'running' && file.size > 0 ? `, ${percent(file.done, file.size)}` : ''}`
  const words = {
    running: file.way === 'up' ? 'is being sent' : 'is coming',
    done: file.way === 'up' ? 'was sent' : 'came from the device',
    failed: file.way === 'up' ? 'was not sent' : 'did not come',
  }
  return (
    <>
      <Status tone={file.state === 'running' ? 'running' : file.state === 'done' ? 'ok' : 'bad'}>{words[file.state]}</Status>
      <span className={`mono ${css.name}`}>{file.name}</span>
      <span className="muted num">{size}</span>
      {file.reason && <span>{file.reason}</span>}
      {file.url && (
        <a href={file.url} download={file.name}>
          Save it
        </a>
      )}
    </>
  )
}
