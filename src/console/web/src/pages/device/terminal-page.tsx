/** The page of a device's console or shell: the terminal, how it is, who else looks, what was said, and files. */
import { useCallback, useRef, useState } from 'react'
import { Terminal, type TerminalHandle } from '../../terminal/terminal'
import { useTerminalSession, type Kind, type Session } from '../../terminal/session'
import { Button } from '../../ui/button'
import { Command, Empty, Notice } from '../../ui/layout'
import { Menu } from '../../ui/menu'
import { productFlags, shellWord } from '../../ui/shell-word'
import { Status, type Tone } from '../../ui/status'
import { counted } from '../../ui/text'
import { useConnected, useDevice, useDeviceAddress, useMayManage } from './device'
import { FileList, SendFile, mayTransfer } from './terminal-files'
import { Talk } from './terminal-talk'
import css from './terminal-page.module.css'

export function TerminalPage({ kind }: { kind: Kind }) {
  const { may, note } = useMayManage()
  const device = useDevice()
  const at = useDeviceAddress()
  if (!may) {
    return (
      <Empty title={`You may not open the ${kind}`}>
        <p>
          {note} Who opens the {kind} can do anything on the device, and everything typed there is done at once. Ask an administrator of {at.org} for
          the role.
        </p>
      </Empty>
    )
  }
  if (device.data?.deleted) return <Notice kind="warn">A deleted device cannot connect, so it has no {kind}. Restore it first.</Notice>
  return <OpenTerminal key={kind + at.device} kind={kind} />
}

function OpenTerminal({ kind }: { kind: Kind }) {
  const at = useDeviceAddress()
  const screen = useRef<TerminalHandle>(null)
  const tools = useRef<HTMLDivElement>(null)
  const [title, setTitle] = useState('')
  const { session, running } = useTerminalSession(at.device, kind, screen, true)
  const { state } = session
  const name = kind === 'console' ? 'Console' : 'Shell'
  const leave = useCallback(() => tools.current?.querySelector('button')?.focus(), [])
  const files = kind === 'console' ? (list: readonly File[]) => list.forEach((file) => void running.current?.transfers.send(file)) : undefined
  return (
    <section className={css.page} aria-label={name}>
      <h2 className="hidden-text">{name}</h2>
      <div className={css.tools} ref={tools}>
        <Button small onClick={() => screen.current?.focus()} disabled={state.is !== 'joined'}>
          Type
        </Button>
        <Button small onClick={() => running.current?.restart()} disabled={state.is !== 'joined'}>
          {kind === 'console' ? 'Restart IEx' : session.device === 'ended' ? 'Start a shell' : 'Restart'}
        </Button>
        {kind === 'shell' && <Signals disabled={session.device !== 'open'} onSignal={(n) => running.current?.kill(n)} />}
        {files && <SendFile session={session} onFiles={files} />}
        <span className="row end" aria-live="polite">
          <TerminalStatus session={session} />
          {session.others.length > 0 && (
            <span className="small" title={session.others.join(', ')}>
              {counted(session.others.length, 'other looks', 'others look')}: {[...new Set(session.others)].join(', ')}
            </span>
          )}
        </span>
      </div>
      <Trouble kind={kind} session={session} onAgain={() => running.current?.channel.again()} />
      {title && <p className={css.title}>{title}</p>}
      <div className={css.screen} {...(files && mayTransfer(session) ? dropOf(files) : {})}>
        <Terminal
          ref={screen}
          label={`${name} of ${at.device}`}
          onData={(text) => running.current?.type(text)}
          onSize={(size) => running.current?.resize(size)}
          onTitle={setTitle}
          onLeave={leave}
        />
      </div>
      {files && <FileList files={session.files} onClear={() => running.current?.transfers.clear()} />}
      <p className="small muted">
        Ctrl ] or F6 leaves the terminal by the keyboard.{' '}
        {kind === 'console' ? 'All who have it open see and type the same.' : 'It runs as the user that the firmware runs as.'}
      </p>
      <Talk session={session} onSay={(text) => running.current?.say(text)} />
      <details>
        <summary>From a terminal of your own</summary>
        <Command text={`nervecenter device ${kind} ${shellWord(at.device)} ${productFlags(at.org, at.product)}`} />
      </details>
    </section>
  )
}

/** What makes a part of the page take files that are dropped on it. */
function dropOf(onFiles: (files: readonly File[]) => void) {
  return {
    onDragOver: (event: React.DragEvent) => event.preventDefault(),
    onDrop: (event: React.DragEvent) => {
      event.preventDefault()
      onFiles([...event.dataTransfer.files])
    },
  }
}

function statusOf({ state, device }: Session): [Tone, string] {
  if (state.is === 'connecting') return ['running', 'connecting']
  if (state.is === 'lost') return ['warn', 'reconnecting']
  if (state.is === 'refused') return ['bad', 'refused']
  if (device === 'failed') return ['bad', 'failed']
  if (device === 'ended') return ['off', 'ended']
  return device === 'open' ? ['ok', 'open'] : ['waiting', 'waits for the device']
}

function TerminalStatus({ session }: { session: Session }) {
  const [tone, word] = statusOf(session)
  return <Status tone={tone}>{word}</Status>
}

/** Why there is nothing to type into, and what helps. */
function Trouble({ kind, session, onAgain }: { kind: Kind; session: Session; onAgain: () => void }) {
  const device = useDevice()
  const connected = useConnected(device.data, device.dataUpdatedAt)
  const { state } = session
  if (state.is === 'refused') {
    return (
      <Notice kind="bad">
        <span className="row">
          <span className="grow">{state.reason}</span>
          <Button small onClick={onAgain}>
            Try again
          </Button>
        </span>
      </Notice>
    )
  }
  if (session.device === 'failed') return <Notice kind="bad">The device could not start a shell{session.reason && `: ${session.reason}`}.</Notice>
  if (session.device === 'ended') return <Notice>{session.reason} Start another with the button above.</Notice>
  if (state.is === 'joined' && session.device === 'waiting' && device.data && !connected.online) {
    return (
      <Notice kind="warn">
        The device is {connected.word}. The {kind} opens here by itself when it connects, and what is typed until then is lost.
      </Notice>
    )
  }
  return null
}

const SIGNALS = [
  { label: 'Interrupt', note: 'SIGINT', signal: 2 },
  { label: 'Ask to end', note: 'SIGTERM', signal: 15 },
  { label: 'End at once', note: 'SIGKILL', signal: 9 },
]

function Signals({ disabled, onSignal }: { disabled: boolean; onSignal: (signal: number) => void }) {
  return (
    <Menu
      label="Send a signal to the shell"
      items={SIGNALS.map(({ label, note, signal }) => ({ label, note, disabled, onSelect: () => onSignal(signal) }))}
    >
      Signal ▾
    </Menu>
  )
}
