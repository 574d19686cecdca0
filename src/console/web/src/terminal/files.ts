/** Files over a console: sent in chunks, and put together from chunks (docs/protocol/device.md, "Remote console"). */
import type { Channel, Payload } from './channel'

/** How many files are listed, those on their way to the device aside; the oldest goes first. */
export const KEPT = 20
/** Bytes of files from the device that the browser keeps. */
export const HELD = 100_000_000
/** What the server passes on at most, in bytes. */
export const MOST = 10 * 1024 * 1024
/** Bytes of a chunk: half of what the server takes. */
const CHUNK = 4096

export type Transfer = {
  id: number
  name: string
  way: 'up' | 'down'
  /** Bytes that have passed. */
  done: number
  /** All bytes, where that is known. */
  size: number | null
  state: 'running' | 'done' | 'failed'
  reason?: string
  /** Where the browser keeps a file that came. */
  url?: string
}

/** What is wrong with the name or size of a file; null when it can be sent. */
export function refusal(name: string, size: number): string | null {
  if (size >= MOST) return 'Files may have at most 10 MiB.'
  const bad = name === '' || name === '.' || name === '..' || /[/\\\p{Cc}]/u.test(name) || new TextEncoder().encode(name).length > 255
  return bad ? 'Its name cannot be used on the device.' : null
}

/**
 * The transfers of one terminal; `changed` is told when any of them goes on, once a frame of the screen at most. What is kept has
 * bounds, since it is the device that says how many files come.
 */
export class Transfers {
  private all: Transfer[] = []
  private readonly parts = new Map<Transfer, Gathered>()
  private ids = 0
  private frame = 0

  constructor(
    private readonly channel: () => Channel | undefined,
    private readonly changed: (all: readonly Transfer[]) => void,
  ) {}

  async send(file: File): Promise<void> {
    const one = this.add({ name: file.name, way: 'up', size: file.size })
    const bad = refusal(file.name, file.size)
    if (bad) return this.end(one, bad)
    const channel = this.channel()
    const bytes = new Uint8Array(await file.arrayBuffer())
    if (!channel?.push('file-data/start', { filename: file.name })) return this.end(one, 'The connection is lost.')
    for (let at = 0, chunk = 0; at < bytes.length; at += CHUNK, chunk++) {
      const part = bytes.subarray(at, at + CHUNK)
      const sent = (await channel.drained()) && channel.push('file-data', { filename: file.name, chunk, data: encoded(part) })
      if (one.state !== 'running') return
      if (!sent) return this.end(one, 'The connection was lost.')
      one.done = at + part.length
      this.tell()
    }
    channel.push('file-data/stop', { filename: file.name })
    this.end(one)
  }

  /** Takes an event of the device or a refusal of the server; false when it is about no file. */
  take(event: string, payload: Payload): boolean {
    const name = String(payload.filename ?? '')
    if (event === 'file-data/start') {
      const same = this.running(name, 'down')
      if (same) this.end(same, 'The device began it anew.')
      this.parts.set(this.add({ name, way: 'down', size: null }), new Gathered())
    } else if (event === 'file-data') this.part(name, String(payload.data ?? ''))
    else if (event === 'file-data/stop') this.stop(name)
    else if (event === 'file-data/error') this.refused(name, String(payload.reason ?? 'It failed.'))
    else return false
    return true
  }

  /** Forgets what came, so that the browser can let the bytes go. */
  clear(): void {
    for (const one of this.all.filter((t) => t.state !== 'running')) this.drop(one)
    this.tell()
  }

  /** What was under way when the device or the connection went. */
  interrupted(reason: string): void {
    for (const one of this.all) if (one.state === 'running') this.end(one, reason)
  }

  private part(name: string, data: string): void {
    const one = this.running(name, 'down')
    const parts = one && this.parts.get(one)
    if (!parts) return
    const bytes = decoded(data)
    if (!bytes) return this.end(one, 'A part of it cannot be read.')
    one.done += bytes.length
    if (one.done > MOST) return this.end(one, 'It has more than 10 MiB.')
    parts.add(bytes)
    this.makeRoom(one)
    this.tell()
  }

  private stop(name: string): void {
    const one = this.running(name, 'down')
    const parts = one && this.parts.get(one)
    if (!parts) return
    one.url = URL.createObjectURL(new Blob([parts.whole()], { type: 'application/octet-stream' }))
    one.size = one.done
    this.end(one)
  }

  private refused(name: string, reason: string): void {
    // A refusal of the last chunks may come when all of them were sent.
    const one = this.running(name, 'up') ?? this.running(name, 'down') ?? this.all.findLast((t) => t.name === name && t.way === 'up')
    if (one) this.end(one, reason)
    else this.end(this.add({ name, way: 'up', size: null }), reason)
  }

  private running(name: string, way: Transfer['way']): Transfer | undefined {
    return this.all.find((t) => t.name === name && t.way === way && t.state === 'running')
  }

  private add(part: Pick<Transfer, 'name' | 'way' | 'size'>): Transfer {
    const one: Transfer = { ...part, id: ++this.ids, done: 0, state: 'running' }
    this.all.push(one)
    this.makeRoom(one)
    this.tell()
    return one
  }

  /** Lets the oldest go until there are no more than may be kept; what goes on now and what the person sends stays. */
  private makeRoom(newest: Transfer): void {
    const old = this.all.filter((t) => t !== newest && !(t.way === 'up' && t.state === 'running'))
    let held = this.all.reduce((sum, t) => sum + heldBy(t), 0)
    for (let left = old.length + 1; left > KEPT || (held > HELD && left > 1); left--) {
      const oldest = old.shift()
      if (!oldest) return
      held -= heldBy(oldest)
      this.drop(oldest)
    }
  }

  private drop(one: Transfer): void {
    if (one.url) URL.revokeObjectURL(one.url)
    this.parts.delete(one)
    this.all = this.all.filter((t) => t !== one)
  }

  private end(one: Transfer, reason?: string): void {
    this.parts.delete(one)
    one.state = reason ? 'failed' : 'done'
    if (reason) one.reason = reason
    this.tell()
  }

  private tell(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0
      this.changed(this.all.map((t) => ({ ...t })))
    })
  }
}

/** Bytes that come in pieces, in one buffer: very many small pieces would take far more memory than what is in them. */
class Gathered {
  private buffer = new Uint8Array(CHUNK)
  private length = 0

  add(bytes: Uint8Array): void {
    const length = this.length + bytes.length
    if (length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(length, this.buffer.length * 2))
      larger.set(this.buffer.subarray(0, this.length))
      this.buffer = larger
    }
    this.buffer.set(bytes, this.length)
    this.length = length
  }

  whole(): Uint8Array<ArrayBuffer> {
    return this.buffer.subarray(0, this.length)
  }
}

/** Bytes that the browser keeps for a transfer. */
function heldBy(one: Transfer): number {
  return one.way === 'down' && one.state !== 'failed' ? one.done : 0
}

function encoded(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

function decoded(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    const characters = atob(text)
    const bytes = new Uint8Array(characters.length)
    for (let i = 0; i < bytes.length; i++) bytes[i] = characters.charCodeAt(i)
    return bytes
  } catch {
    return null
  }
}
