/**
 * One topic of the user socket (docs/protocol/rest.md, "User sockets"): Phoenix channels over a WebSocket, in the form of version 2.
 * The session's cookie says who asks. A connection that is lost is made again by itself.
 */

export type ChannelState =
  | { is: 'connecting' }
  | { is: 'joined' }
  /** The connection was lost; it is tried again in a moment. */
  | { is: 'lost' }
  /** The server does not let this person in, or not any more; it is not tried again by itself. */
  | { is: 'refused'; reason: string }

export type Payload = Record<string, unknown>

type Heard = {
  event: (event: string, payload: Payload) => void
  state: (state: ChannelState) => void
}

/** The server closes a socket that said nothing for 90 s. */
const HEARTBEAT = 30_000
/** Waits between attempts, in milliseconds; the last one repeats. */
const WAITS = [500, 1000, 2000, 5000, 10_000]
/** So much may wait in the browser before more is held back, in bytes. */
const MUCH = 65_536

export class Channel {
  private socket: WebSocket | undefined
  private reference = 0
  private joinReference = ''
  private tries = 0
  private timer = 0
  private heartbeat = 0
  private answered = true
  private closed = false

  constructor(
    private readonly topic: string,
    private readonly heard: Heard,
  ) {
    this.open()
  }

  /** Sends an event; false when there is no connection to send it over. */
  push(event: string, payload: Payload): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false
    this.send(this.topic, event, payload)
    return true
  }

  /** Resolves when what was sent has left the browser but for a little; false when the connection is gone. */
  async drained(): Promise<boolean> {
    while (this.socket?.readyState === WebSocket.OPEN && this.socket.bufferedAmount > MUCH) await new Promise((done) => window.setTimeout(done, 40))
    return this.socket?.readyState === WebSocket.OPEN
  }

  /** Tries again at once, also after a refusal. */
  again(): void {
    if (this.closed) return
    this.tries = 0
    this.drop()
    this.open()
  }

  close(): void {
    this.closed = true
    this.push('phx_leave', {})
    this.drop()
  }

  private open(): void {
    window.clearTimeout(this.timer)
    this.heard.state({ is: 'connecting' })
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${location.host}/api/socket/websocket?vsn=2.0.0`)
    this.socket = socket
    socket.onopen = () => {
      this.answered = true
      this.heartbeat = window.setInterval(() => this.beat(), HEARTBEAT)
      this.join()
    }
    socket.onmessage = (message: MessageEvent<unknown>) => this.take(String(message.data))
    socket.onclose = (event) => {
      if (this.socket !== socket) return
      this.drop()
      // 1008: the session or the right is gone.
      if (event.code === 1008) this.heard.state({ is: 'refused', reason: 'Your session is over, or you may not use this device any more.' })
      else this.retry()
    }
  }

  private join(): void {
    this.joinReference = String(++this.reference)
    this.send(this.topic, 'phx_join', {}, this.joinReference)
  }

  private send(topic: string, event: string, payload: Payload, reference = String(++this.reference)): void {
    const joined = topic === this.topic ? this.joinReference : null
    this.socket?.send(JSON.stringify([joined, reference, topic, event, payload]))
  }

  private beat(): void {
    // Nothing came back on the last one: the connection is dead, whatever the browser thinks.
    if (!this.answered) {
      this.drop()
      return this.retry()
    }
    this.answered = false
    this.send('phoenix', 'heartbeat', {})
  }

  private take(text: string): void {
    const frame = parse(text)
    if (!frame) return
    this.answered = true
    const { reference, topic, event, payload } = frame
    if (topic !== this.topic) return
    if (event === 'phx_reply' && reference === this.joinReference) this.joined(payload)
    else if (event === 'phx_error') this.lostSeat()
    else if (event !== 'phx_reply') this.heard.event(event, payload)
  }

  private joined(payload: Payload): void {
    if (payload.status === 'ok') {
      this.tries = 0
      return this.heard.state({ is: 'joined' })
    }
    const reason = (payload.response as Payload | undefined)?.reason
    const text = reason === 'unauthorized' ? 'You may not open it: it takes the role manage in the organization of the device.' : String(reason)
    // It is this topic that was refused; a socket without a topic is of no use.
    this.drop()
    this.heard.state({ is: 'refused', reason: text })
  }

  /** The server took the seat away, because this page read too slowly or because the right to it went. Joining again tells which. */
  private lostSeat(): void {
    this.heard.state({ is: 'lost' })
    window.clearTimeout(this.timer)
    this.timer = window.setTimeout(() => this.join(), 1000)
  }

  private drop(): void {
    window.clearTimeout(this.timer)
    window.clearInterval(this.heartbeat)
    const socket = this.socket
    this.socket = undefined
    if (!socket) return
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close()
  }

  private retry(): void {
    if (this.closed) return
    this.heard.state({ is: 'lost' })
    const wait = WAITS[Math.min(this.tries++, WAITS.length - 1)]
    this.timer = window.setTimeout(() => this.open(), wait)
  }
}

type Frame = { reference: string | null; topic: string; event: string; payload: Payload }

function parse(text: string): Frame | null {
  try {
    const [, reference, topic, event, payload] = JSON.parse(text) as [string | null, string | null, string, string, Payload]
    return { reference, topic, event, payload }
  } catch {
    return null
  }
}
