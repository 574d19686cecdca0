/** Where files are dropped or chosen, and how far their uploads are. */
import { Link } from '@tanstack/react-router'
import { FileUp, Pause, Play, X } from 'lucide-react'
import { type DragEvent, useRef, useState } from 'react'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { atLeast, useRole } from '../../session/session'
import { Button, IconButton } from '../../ui/button'
import { Status, type Tone } from '../../ui/status'
import { bytes, duration, percent } from '../../ui/text'
import { RoleNote } from '../../ui/role-note'
import { type Upload, type UploadKind, type UploadState, uploadList, useUploads } from './uploads'
import css from './upload-box.module.css'

const ACCEPT: Record<UploadKind, string> = { firmware: '.fw,.bin', archive: '.fw' }
const ASKS: Record<UploadKind, string> = {
  firmware: 'Drop signed firmware here: .fw, or .bin where the product takes ESP-IDF images.',
  archive: 'Drop signed archives here: .fw files.',
}

export function UploadBox({ kind }: { kind: UploadKind }) {
  const { org, product } = useProduct()
  const may = atLeast(useRole(org), 'manage')
  const uploads = useUploads(org, product, kind)
  const [over, setOver] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const take = (files: FileList | null) => {
    if (may && files?.length) uploadList.add(org, product, kind, [...files])
  }
  const dropped = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    take(event.dataTransfer.files)
  }
  return (
    <section className="stack-small" aria-label="Upload">
      <div
        className={css.zone}
        data-over={(over && may) || undefined}
        onDragOver={(e) => (e.preventDefault(), setOver(true))}
        onDragLeave={() => setOver(false)}
        onDrop={dropped}
      >
        <span className="grow">{ASKS[kind]} A broken connection goes on where it stood.</span>
        <Button disabled={!may} onClick={() => input.current?.click()}>
          <FileUp size={15} aria-hidden /> Choose files…
        </Button>
        <input
          ref={input}
          type="file"
          hidden
          multiple
          accept={ACCEPT[kind]}
          aria-label="Files to upload"
          onChange={(e) => {
            take(e.target.files)
            // The same file can be chosen again after a refusal.
            e.target.value = ''
          }}
        />
      </div>
      <RoleNote org={org} needs="manage" what="Uploading" />
      {uploads.length > 0 && (
        <ul className="stack-small" aria-label="Uploads">
          {uploads.map((upload) => (
            <OneUpload key={upload.id} upload={upload} />
          ))}
        </ul>
      )}
    </section>
  )
}

const WORDS: Record<UploadState, { tone: Tone; word: string }> = {
  waiting: { tone: 'waiting', word: 'waits for the others' },
  reading: { tone: 'running', word: 'computing the checksum' },
  sending: { tone: 'running', word: 'uploading' },
  paused: { tone: 'paused', word: 'paused' },
  reconnecting: { tone: 'warn', word: 'trying again' },
  checking: { tone: 'running', word: 'the server checks it' },
  done: { tone: 'ok', word: 'uploaded' },
  refused: { tone: 'bad', word: 'refused' },
}

function OneUpload({ upload: u }: { upload: Upload }) {
  const { tone, word } = WORDS[u.state]
  const under = u.state !== 'done' && u.state !== 'refused'
  return (
    <li className={css.upload}>
      <div className="row">
        <strong className={css.name}>{u.file.name}</strong>
        <span role="status">
          <Status tone={tone}>{word}</Status>
        </span>
        <span className="small muted num grow">{under ? <Progress upload={u} /> : bytes(u.file.size)}</span>
        <Actions upload={u} />
      </div>
      {under && <progress className={css.progress} value={u.at} max={u.file.size} aria-label={`${u.file.name}: ${word}`} />}
      {u.problem && (
        <p className={u.state === 'refused' ? css.refused : 'small muted'} role={u.state === 'refused' ? 'alert' : undefined}>
          {u.problem}
        </p>
      )}
      {u.made && <Made upload={u} />}
    </li>
  )
}

function Progress({ upload: u }: { upload: Upload }) {
  const left = u.speed > 0 ? (u.file.size - u.at) / u.speed : 0
  return (
    <>
      {percent(u.at, u.file.size)} of {bytes(u.file.size)}
      {u.state === 'sending' && u.speed > 0 && `, ${bytes(u.speed)}/s, ${duration(Math.max(1, left))} left`}
    </>
  )
}

function Actions({ upload: { id, state, file } }: { upload: Upload }) {
  const active = state === 'sending' || state === 'reading' || state === 'reconnecting' || state === 'waiting'
  const ended = state === 'done' || state === 'refused'
  return (
    <>
      {active && (
        <IconButton small label={`Pause ${file.name}`} onClick={() => uploadList.pause(id)}>
          <Pause size={14} aria-hidden />
        </IconButton>
      )}
      {(state === 'paused' || state === 'refused') && (
        <Button small aria-label={`${state === 'paused' ? 'Go on with' : 'Try again:'} ${file.name}`} onClick={() => uploadList.goOn(id)}>
          <Play size={14} aria-hidden /> {state === 'paused' ? 'Go on' : 'Try again'}
        </Button>
      )}
      {state !== 'checking' && (
        <IconButton small label={`${ended ? 'Close' : 'Cancel'} ${file.name}`} onClick={() => uploadList.remove(id)}>
          <X size={14} aria-hidden />
        </IconButton>
      )}
    </>
  )
}

function Made({ upload: { org, product, kind, made } }: { upload: Upload }) {
  if (!made) return null
  const name = `${made.version} for ${made.platform}`
  if (kind === 'archive') return <p className="small">Archive {name} is in the list.</p>
  return (
    <p className="small">
      <Link {...paths.firmware(org, product, made.uuid)}>{name}</Link> is here. No device gets it before a{' '}
      <Link {...paths.product(org, product, 'groups')}>deployment group</Link> releases it.
    </p>
  )
}
