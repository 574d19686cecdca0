/**
 * Uploads that survive a broken connection (docs/protocol/rest.md, "Uploads"). They are kept outside of React, so that somebody can
 * look at other pages meanwhile; a reload of the browser ends them, and the same file chosen again goes on where it stood.
 */
import { useSyncExternalStore } from 'react'
import { api, data, send } from '../../api/client'
import { Problem } from '../../api/problem'
import { onChangeOfPerson, queries } from '../../session/session'
import { sha256Of } from './sha256'
import { isPassing, wait, words } from './upload-problems'

export type UploadKind = 'firmware' | 'archive'

export type UploadState =
  | 'waiting' // for an earlier one
  | 'reading' // the checksum is computed
  | 'sending'
  | 'paused'
  | 'reconnecting'
  | 'checking' // the server looks at the whole file
  | 'done'
  | 'refused'

/** What the server made of the file. */
export type Uploaded = { uuid: string; version: string; platform: string }

export type Upload = {
  readonly id: number
  readonly org: string
  readonly product: string
  readonly kind: UploadKind
  readonly file: File
  readonly state: UploadState
  /** Bytes that were read while `reading`, else bytes that the server has. */
  readonly at: number
  /** Bytes a second over the last seconds; 0 before it is known. */
  readonly speed: number
  /** Why it was refused, or what it waits for. */
  readonly problem: string | null
  readonly made: Uploaded | null
}

/** A server takes four uploads of a person at once; two leave room for another tab. */
const AT_ONCE = 2
/** Attempts in a row without a byte, after which a person has to say that it goes on: some five minutes. */
const ATTEMPTS = 24
const UNKNOWN = 'The connection broke while the server checked the file. If it is not in the list, try again.'
const LONGEST_WAIT = 15_000
const [SMALLEST, LARGEST] = [64 * 1024, 8 * 1024 * 1024]
/** How long one request should take, in milliseconds: short enough for a bar that moves. */
const REQUEST_TIME = 700
/** The speed is measured over this many milliseconds. */
const SPEED_WINDOW = 5_000

class UploadList {
  private uploads: readonly Upload[] = []
  private readonly running = new Map<number, AbortController>()
  private readonly server = new Map<number, { id?: string; sha256?: string }>()
  private readonly told = new Set<() => void>()
  private last = 0

  subscribe = (changed: () => void): (() => void) => {
    this.told.add(changed)
    return () => this.told.delete(changed)
  }
  snapshot = (): readonly Upload[] => this.uploads

  add(org: string, product: string, kind: UploadKind, files: readonly File[]): void {
    const added = files.map((file): Upload => {
      const id = ++this.last
      this.server.set(id, {})
      return { id, org, product, kind, file, state: 'waiting', at: 0, speed: 0, problem: null, made: null }
    })
    this.set([...this.uploads, ...added])
    this.startNext()
  }

  pause(id: number): void {
    this.stop(id)
    this.change(id, { state: 'paused', speed: 0, problem: null })
    this.startNext()
  }

  goOn(id: number): void {
    this.change(id, { state: 'waiting', problem: null })
    this.startNext()
  }

  /** Ends it here and on the server, or takes one that has ended off the list. */
  remove(id: number): void {
    const upload = this.uploads.find((u) => u.id === id)
    const known = this.server.get(id)?.id
    this.stop(id)
    this.server.delete(id)
    this.set(this.uploads.filter((u) => u.id !== id))
    // When this request is lost the server forgets the upload by itself after six hours.
    if (upload && known && upload.state !== 'done') void send('DELETE', `${address(upload)}/${known}`).catch(() => undefined)
    this.startNext()
  }

  /** Ends all of them here, since whoever began them is gone. The server forgets what it has of them by itself after six hours. */
  forget(): void {
    for (const { id } of this.uploads) this.stop(id)
    this.server.clear()
    this.set([])
  }

  private stop(id: number): void {
    this.running.get(id)?.abort()
    this.running.delete(id)
  }

  private startNext(): void {
    for (const upload of this.uploads) {
      if (this.running.size >= AT_ONCE) return
      if (upload.state === 'waiting' && !this.running.has(upload.id)) void this.run(upload)
    }
  }

  private async run(upload: Upload): Promise<void> {
    const { id } = upload
    const stopped = new AbortController()
    this.running.set(id, stopped)
    try {
      await this.transfer(upload, stopped.signal)
    } catch (e) {
      // Whoever stopped it has said what it is now.
      if (!stopped.signal.aborted) this.change(id, { state: 'refused', speed: 0, problem: words(e) })
    } finally {
      if (this.running.get(id) === stopped) this.running.delete(id)
      this.startNext()
    }
  }

  private async transfer(upload: Upload, signal: AbortSignal): Promise<void> {
    const { id, file } = upload
    const known = this.server.get(id) ?? {}
    if (!known.sha256) {
      this.change(id, { state: 'reading', at: 0 })
      known.sha256 = await sha256Of(file, signal, (at) => this.change(id, { at }))
    }
    let failures = 0
    for (;;) {
      const before = this.uploads.find((u) => u.id === id)?.at
      try {
        const begun = await begin(upload, known.sha256, signal)
        known.id = begun.id
        await this.sendFrom(upload, begun.id, begun.offset, signal)
        break
      } catch (e) {
        if (signal.aborted || !isPassing(e)) throw e
        // Bytes that arrived are a reason to be patient.
        if (this.uploads.find((u) => u.id === id)?.at !== before) failures = 0
        if (++failures >= ATTEMPTS) throw e
        this.change(id, { state: 'reconnecting', speed: 0, problem: words(e) })
        await wait(Math.min(LONGEST_WAIT, 500 * 2 ** failures), signal)
      }
    }
    await this.finish(upload, known.id, signal)
  }

  private async sendFrom(upload: Upload, server: string, from: number, signal: AbortSignal): Promise<void> {
    const { id, file } = upload
    let [at, size] = [from, 512 * 1024]
    const measured = [{ time: performance.now(), at }]
    this.change(id, { state: 'sending', at, problem: null })
    while (at < file.size) {
      const body = await file.slice(at, at + size).arrayBuffer()
      const begun = performance.now()
      const headers = { 'content-type': 'application/octet-stream' }
      await send('PATCH', `${address(upload)}/${server}?offset=${at}`, { body, headers, signal })
      const now = performance.now()
      at += body.byteLength
      size = Math.min(LARGEST, Math.max(SMALLEST, (body.byteLength / (now - begun + 1)) * REQUEST_TIME))
      measured.push({ time: now, at })
      while (measured.length > 2 && now - (measured[1]?.time ?? now) > SPEED_WINDOW) measured.shift()
      const first = measured[0]
      const speed = first && now > first.time ? ((at - first.at) / (now - first.time)) * 1000 : 0
      this.change(id, { at, speed })
    }
  }

  private async finish(upload: Upload, server: string, signal: AbortSignal): Promise<void> {
    const { id, org, product, kind } = upload
    // The last part may have arrived while it was stopped.
    signal.throwIfAborted()
    this.change(id, { state: 'checking', at: upload.file.size, speed: 0, problem: null })
    // From here on the upload is gone from the server, whatever comes of it.
    this.server.set(id, { ...this.server.get(id), id: undefined })
    try {
      const answer = await send('POST', `${address(upload)}/${server}/${kind}`, { signal })
      this.change(id, { state: 'done', made: ((await answer.json()) as { data: Uploaded }).data })
    } catch (e) {
      // The server goes on with the check when the connection breaks, so nobody knows how it ended.
      throw e instanceof Problem && e.status === 0 ? new Problem(-1, UNKNOWN) : e
    } finally {
      await queries.invalidateQueries({ queryKey: [kind === 'firmware' ? 'firmwares' : 'archives', org, product] })
    }
  }

  private change(id: number, changed: Partial<Upload>): void {
    this.set(this.uploads.map((u) => (u.id === id ? { ...u, ...changed } : u)))
  }

  private set(uploads: readonly Upload[]): void {
    this.uploads = uploads
    for (const changed of this.told) changed()
  }
}

export const uploadList = new UploadList()

// The next person must neither see them nor go on with them.
onChangeOfPerson(() => uploadList.forget())

/** The uploads of a product and kind, in the order in which they were begun. */
export function useUploads(org: string, product: string, kind: UploadKind): readonly Upload[] {
  const all = useSyncExternalStore(uploadList.subscribe, uploadList.snapshot)
  return all.filter((u) => u.org === org && u.product === product && u.kind === kind)
}

function address({ org, product }: Upload): string {
  return `/api/orgs/${encodeURIComponent(org)}/products/${encodeURIComponent(product)}/uploads`
}

/** Begins on the server, or finds what it has of this file. */
function begin({ org, product, file }: Upload, sha256: string, signal: AbortSignal) {
  const body = { size: file.size, sha256 }
  const path = { org, product }
  return data(api.POST('/api/orgs/{org}/products/{product}/uploads', { params: { path }, body, signal }))
}
