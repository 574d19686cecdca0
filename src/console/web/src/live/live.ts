/** What the event stream of a product said last of each device, outside of React and told to the screen once a frame at most. */
import { useEffect, useSyncExternalStore } from 'react'
import { frozenAt, onFreeze } from '../ui/freeze'
import { onChangeOfPerson, queries } from '../session/session'
import { listen, type Told } from './stream'

/** What is known of a device since the page was opened. */
export type LiveDevice = {
  online?: boolean
  health?: string
  stage?: string
  percent?: number | null
  at: number
}

/** How many devices are remembered; the one heard of the longest ago is forgotten first. */
const KEPT = 20_000
const KINDS = ['online', 'offline', 'firmware_update', 'health', 'summary'] as const

/** What the summary of a product is kept under: it is read once, and told by the stream as it changes. */
export const summaryKey = (org: string, product: string): readonly string[] => ['summary', org, product]

export class LiveProduct {
  readonly devices = new Map<string, LiveDevice>()
  /** When the stream said something last, in milliseconds since 1970; 0 before it did. */
  heard = 0
  connected = false
  /** Events since the page was opened. */
  events = 0
  private readonly summaryKey: readonly string[]
  private version = 0
  private frame = 0
  private readonly told = new Set<() => void>()

  constructor(org: string, product: string) {
    this.summaryKey = summaryKey(org, product)
  }

  subscribe = (changed: () => void): (() => void) => {
    this.told.add(changed)
    return () => this.told.delete(changed)
  }
  snapshot = (): number => this.version

  take({ kind, body, at }: Told): void {
    if (kind !== 'down') this.heard = at
    if (kind === 'open') {
      // What happened while nobody listened is in the lists, and what was told before may not hold any more.
      const fresh = (body as { fresh?: boolean } | null)?.fresh !== false
      if (!this.connected && fresh) this.forget()
      this.connected = true
    } else if (kind === 'down') this.connected = false
    else if (kind === 'lost') this.forget()
    else if (kind === 'summary') queries.setQueryData(this.summaryKey, body)
    else this.note(kind, body as Record<string, unknown> | null, at)
    this.schedule()
  }

  /** Forgets what was told, and has the lists read again. */
  forget(): void {
    this.devices.clear()
    refresh()
    this.schedule()
  }

  private note(kind: string, body: Record<string, unknown> | null, at: number): void {
    const name = String(body?.device ?? '')
    if (!body || !name) return
    this.connected = true
    this.events++
    const device: LiveDevice = { ...this.devices.get(name), at }
    if (kind === 'online') device.online = true
    if (kind === 'offline') device.online = false
    if (kind === 'health') device.health = String(body.status)
    if (kind === 'firmware_update') {
      device.stage = String(body.stage)
      device.percent = typeof body.percent === 'number' ? body.percent : null
    }
    // Set anew, so that the order is that of the last event.
    this.devices.delete(name)
    this.devices.set(name, device)
    if (this.devices.size > KEPT) {
      const oldest = this.devices.keys().next().value
      if (oldest !== undefined) this.devices.delete(oldest)
    }
  }

  private schedule(): void {
    if (this.frame) return
    this.frame = requestAnimationFrame(() => {
      this.frame = 0
      this.version++
      for (const changed of this.told) changed()
    })
  }
}

let pending = 0
/** Reads again what is on the screen, once for a burst of reasons. */
function refresh(): void {
  if (pending) return
  pending = window.setTimeout(() => {
    pending = 0
    if (frozenAt() !== null) return
    void queries.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'session' && q.queryKey[0] !== 'preferences' })
  }, 300)
}

let current: { org: string; product: string; live: LiveProduct } | null = null

onChangeOfPerson(() => {
  current = null
})

/** The live facts of a product: the same object for as long as that product is looked at. */
function liveOf(org: string, product: string): LiveProduct {
  if (current?.org !== org || current.product !== product) current = { org, product, live: new LiveProduct(org, product) }
  return current.live
}

/** Holds the product's stream open while the page is seen; hidden tabs hold none, nor do those whose time is frozen. */
export function useStream(org: string, product: string): void {
  useEffect(() => {
    const live = liveOf(org, product)
    const url = `/api/orgs/${encodeURIComponent(org)}/products/${encodeURIComponent(product)}/events?types=${KINDS.join(',')}`
    let close: (() => void) | undefined
    const follow = () => {
      if (document.hidden || frozenAt() !== null) {
        close?.()
        close = undefined
        live.connected = false
      } else {
        close ??= listen(url, KINDS, (told) => live.take(told))
      }
    }
    follow()
    document.addEventListener('visibilitychange', follow)
    const thaw = onFreeze(follow)
    return () => {
      thaw()
      document.removeEventListener('visibilitychange', follow)
      close?.()
    }
  }, [org, product])
}

/** Draws again when something was told of any device; returns the live facts. */
export function useLive(org: string, product: string): LiveProduct {
  const live = liveOf(org, product)
  useSyncExternalStore(live.subscribe, live.snapshot)
  return live
}

/** Whether the stream is open; draws again when that changes. */
export function useConnected(org: string, product: string): boolean {
  const live = liveOf(org, product)
  return useSyncExternalStore(live.subscribe, () => live.connected)
}

/** The live facts of one device; draws again only when they change. */
export function useLiveDevice(org: string, product: string, device: string): LiveDevice | undefined {
  const live = liveOf(org, product)
  return useSyncExternalStore(live.subscribe, () => live.devices.get(device))
}
