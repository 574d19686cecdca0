/** Files over a console: sent in chunks, and put together from chunks (docs/protocol/device.md, "Remote console"). */
import type { Channel, Payload } from './channel'

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

/** The transfers of one terminal; `changed` is told when any of them goes on. */
export class Transfers {
  private all: Transfer[] = []
  private readonly parts = new Map<string, Uint8Array<ArrayBuffer>[]>()
  private ids = 0

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
      this.parts.set(name, [])
      this.add({ name, way: 'down', size: null })
    } else if (event === 'file-data') this.part(name, String(payload.data ?? ''))
    else if (event === 'file-data/stop') this.stop(name)
    else if (event === 'file-data/error') this.refused(name, String(payload.reason ?? 'It failed.'))
    else return false
    return true
  }

  /** Forgets what came, so that the browser can let the bytes go. */
  clear(): void {
    for (const one of this.all) if (one.url) URL.revokeObjectURL(one.url)
    this.all = this.all.filter((t) => t.state === 'running')
    this.tell()
  }

  /** What was under way when the device or the connection went. */
  interrupted(reason: string): void {
    this.parts.clear()
    for (const one of this.all) if (one.state === 'running') this.end(one, reason)
  }

  private part(name: string, data: string): void {
    const one = this.running(name, 'down')
    const parts = this.parts.get(name)
    if (!one || !parts) return
    const bytes = decoded(data)
    if (!bytes) return this.end(one, 'A part of it cannot be read.')
    one.done += bytes.length
    if (one.done > MOST) {
      this.parts.delete(name)
      return this.end(one, 'It has more than 10 MiB.')
    }
    parts.push(bytes)
    this.tell()
  }

  private stop(name: string): void {
    const one = this.running(name, 'down')
    const parts = this.parts.get(name)
    this.parts.delete(name)
    if (!one || !parts) return
    one.url = URL.createObjectURL(new Blob(parts, { type: 'application/octet-stream' }))
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
    this.all = [...this.all, one]
    this.tell()
    return one
  }

  private end(one: Transfer, reason?: string): void {
    one.state = reason ? 'failed' : 'done'
    if (reason) one.reason = reason
    this.tell()
  }

  private tell(): void {
    this.changed(this.all.map((t) => ({ ...t })))
  }
}

function encoded(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

function decoded(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
  } catch {
    return null
  }
}
