/**
 * One event stream a browser: the tab that holds the lock listens and tells the others. A browser opens six connections to a
 * server, so with a stream a tab the seventh tab would hang.
 */

/** What a stream tells: an event of the server, or how the stream itself is (`open`, `down`). */
export type Told = { kind: string; body: unknown; at: number }

/** A tab that begins to listen asks how the stream is. */
const HELLO = 'hello'
/** The first pause after a refused stream, in milliseconds; it doubles up to sixteen times this. */
const FIRST_PAUSE = 1_000

/** Listens to the events of an address while `told` is wanted; returns how to end it. Kinds are the names of its events. */
export function listen(url: string, kinds: readonly string[], told: (event: Told) => void): () => void {
  const ended = new AbortController()
  const channel = 'BroadcastChannel' in window ? new BroadcastChannel('events ' + url) : undefined
  let state: Told | undefined
  const tell = (event: Told) => {
    if (event.kind === 'open' || event.kind === 'down') state = event
    told(event)
    channel?.postMessage(event)
  }
  if (channel) {
    channel.onmessage = (event: MessageEvent<Told | typeof HELLO>) => {
      if (event.data !== HELLO) told(event.data)
      else if (state) channel.postMessage(state)
    }
    channel.postMessage(HELLO)
  }
  // Locks exist on https and on this machine only; elsewhere each tab that is looked at has a stream of its own.
  if (navigator.locks && channel) {
    const held = () => {
      follow(url, kinds, tell, ended.signal)
      return new Promise<void>((done) => ended.signal.addEventListener('abort', () => done()))
    }
    navigator.locks.request('events ' + url, { signal: ended.signal }, held).catch(() => undefined)
  } else follow(url, kinds, tell, ended.signal)
  return () => {
    ended.abort()
    channel?.close()
  }
}

/** Keeps a stream open until it is ended. A browser opens a broken one again by itself, but not one that was refused. */
function follow(url: string, kinds: readonly string[], tell: (event: Told) => void, ended: AbortSignal): void {
  let source: EventSource
  let timer = 0
  let pause = FIRST_PAUSE
  const open = () => {
    source = new EventSource(url)
    let fresh = true
    source.onopen = () => {
      pause = FIRST_PAUSE
      // One that the browser opened again by itself names the last event that it saw, and is told what was missed, or `lost`.
      tell({ kind: 'open', body: { fresh }, at: Date.now() })
      fresh = false
    }
    source.onerror = () => {
      tell({ kind: 'down', body: null, at: Date.now() })
      if (source.readyState !== EventSource.CLOSED) return
      timer = window.setTimeout(open, pause)
      pause = Math.min(pause * 2, FIRST_PAUSE * 16)
    }
    for (const kind of [...kinds, 'lost']) {
      source.addEventListener(kind, (event: MessageEvent<string>) => {
        tell({ kind, body: parse(event.data), at: Date.now() })
      })
    }
  }
  open()
  ended.addEventListener('abort', () => {
    window.clearTimeout(timer)
    source.close()
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
