/** A device's console or shell as one session: its channel, what is said on it beside output, who else looks, and files. */
import { useEffect, useRef, useState, type RefObject } from 'react'
import { Channel, type ChannelState, type Payload } from './channel'
import { Transfers, type Transfer } from './files'
import type { TerminalHandle } from './terminal'

export type Kind = 'console' | 'shell'

/** A line beside the output: what somebody said or did, or what happened to the terminal. */
type Note = { id: number; at: number; text: string }

/** What a session knows; `device` says whether the device has its side of the terminal open. */
export type Session = {
  state: ChannelState
  device: 'waiting' | 'open' | 'failed' | 'ended'
  /** Why the device has no terminal, or how its shell ended. */
  reason: string
  /** The `console_version` of the device: files need 2.0.0. */
  version: string
  others: readonly string[]
  notes: readonly Note[]
  files: readonly Transfer[]
}

const FIRST: Session = { state: { is: 'connecting' }, device: 'waiting', reason: '', version: '', others: [], notes: [], files: [] }
/** Notes that are kept. */
const NOTES = 50
/** Characters of one message: pasted text is cut, since the server takes messages of 64 KiB. */
const PIECE = 8192
const DISCONNECTED = 'the device has disconnected'
/** What a viewer of this console says when it comes, and answers to one that comes: the server tells only who leaves. */
const CAME = 'opened the '
const HERE = 'has it open, too'

type Change = (changed: Partial<Session> | ((before: Session) => Partial<Session>)) => void

class TerminalSession {
  readonly channel: Channel
  readonly transfers: Transfers
  private notes = 0
  /** Tells this page's own messages from those of the same person in another tab. */
  private readonly own = Math.random().toString(36).slice(2)
  private readonly present = new Map<string, string>()
  private isOpen = false

  constructor(
    identifier: string,
    private readonly kind: Kind,
    private readonly screen: RefObject<TerminalHandle | null>,
    private readonly change: Change,
  ) {
    const topic = kind === 'console' ? 'user:console:identifier-' : 'user:local_shell:identifier-'
    this.transfers = new Transfers(
      () => this.channel,
      (files) => change({ files }),
    )
    this.channel = new Channel(topic + identifier, {
      event: (event, payload) => this.take(event, payload),
      state: (state) => this.onState(state),
    })
  }

  type(text: string): void {
    const event = this.kind === 'console' ? 'dn' : 'input'
    for (let at = 0; at < text.length; at += PIECE) this.channel.push(event, { data: text.slice(at, at + PIECE) })
  }

  resize({ rows, cols }: { rows: number; cols: number }): void {
    this.channel.push('window_size', this.kind === 'console' ? { height: rows, width: cols } : { rows, cols })
  }

  restart(): void {
    this.channel.push('restart', {})
    if (this.kind === 'shell') this.shut('waiting')
  }

  kill(signal: number): void {
    this.channel.push('kill', { signal })
  }

  say(text: string): void {
    this.channel.push('message', { text, from: this.own })
  }

  end(): void {
    // The server tells the others who leaves a console, and nothing of a shell.
    if (this.kind === 'shell') this.announce(`closed the ${this.kind}`)
    this.transfers.interrupted('The page was left.')
    this.transfers.clear()
    this.channel.close()
  }

  private announce(event: string): void {
    this.channel.push('message', { event, from: this.own })
  }

  private onState(state: ChannelState): void {
    this.change({ state })
    if (state.is === 'joined') {
      // The server sends again what was printed, so the screen begins anew.
      this.screen.current?.reset()
      this.present.clear()
      this.shut('waiting')
      this.change({ others: [] })
      this.announce(CAME + this.kind)
    } else if (state.is === 'lost') this.transfers.interrupted('The connection was lost.')
  }

  private take(event: string, payload: Payload): void {
    const text = (key: string) => (typeof payload[key] === 'string' ? (payload[key] as string) : '')
    if (this.transfers.take(event, payload)) return
    switch (event) {
      case 'metadata':
        this.opened(text('version'))
        break
      case 'up':
      case 'output':
        this.opened()
        this.screen.current?.write(text('data'))
        break
      case 'message':
        this.heard(text('name'), text('event'), text('text'), text('from'))
        break
      case 'status':
        if (payload.status === 'failed') this.shut('failed', text('reason'))
        else this.opened()
        break
      case 'exited':
        this.shut('ended', `The shell ended with the code ${String(payload.exit_code ?? 'unknown')}.`)
        break
      case 'error':
        this.note(text('reason'))
        break
    }
  }

  /** The device's side is there: it learns how large the screen is. */
  private opened(version?: string): void {
    if (version !== undefined) this.change({ version })
    if (this.isOpen) return
    this.isOpen = true
    if (this.screen.current) this.resize(this.screen.current.size())
    this.change({ device: 'open', reason: '' })
  }

  private shut(device: Session['device'], reason = ''): void {
    this.isOpen = false
    this.change({ device, reason })
  }

  private heard(name: string, event: string, text: string, from: string): void {
    if (!name && event === DISCONNECTED) {
      this.shut('waiting')
      this.transfers.interrupted('The device went offline.')
      return this.note('The device went offline. This opens again when it connects.')
    }
    const mine = from === this.own
    if (text) this.note(`${mine ? 'You' : name}: ${text}`)
    if (mine || !event) return
    if (event.startsWith(CAME)) {
      this.present.set(from || name, name)
      this.announce(HERE)
      this.note(`${name} ${event}.`)
    } else if (event === HERE) this.present.set(from || name, name)
    else if (event.startsWith('closed the ')) {
      const gone = from ? from : [...this.present].find(([, n]) => n === name)?.[0]
      if (gone) this.present.delete(gone)
      this.note(`${name} ${event}.`)
    } else this.note([name, event].filter(Boolean).join(' '))
    this.change({ others: [...this.present.values()] })
  }

  private note(text: string): void {
    const note = { id: ++this.notes, at: Date.now(), text }
    this.change((before) => ({ notes: [...before.notes, note].slice(-NOTES) }))
  }
}

/** Opens a session while the page is shown; `enabled` says whether this person may. */
export function useTerminalSession(identifier: string, kind: Kind, screen: RefObject<TerminalHandle | null>, enabled: boolean) {
  const [session, setSession] = useState<Session>(FIRST)
  const running = useRef<TerminalSession>(null)
  useEffect(() => {
    if (!enabled) return
    setSession(FIRST)
    let live = true
    const change: Change = (changed) => {
      if (live) setSession((before) => ({ ...before, ...(typeof changed === 'function' ? changed(before) : changed) }))
    }
    const made = new TerminalSession(identifier, kind, screen, change)
    running.current = made
    return () => {
      live = false
      made.end()
      running.current = null
    }
  }, [identifier, kind, screen, enabled])
  return { session, running }
}
