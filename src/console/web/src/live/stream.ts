/**
 * One event stream a browser: the tab that holds the lock listens and tells the others. A browser opens six connections to a
 * server, so with a stream a tab the seventh tab would hang.
 */

/** What a stream tells: an event of the server, or how the stream itself is. */
export type Told = { kind: string; body: unknown; at: number }

/** Listens to the events of an address while `told` is wanted; returns how to end it. Kinds are the names of its events. */
export function listen(url: string, kinds: readonly string[], told: (event: Told) => void): () => void {
  const ended = new AbortController()
  let source: EventSource | undefined
  const channel = 'BroadcastChannel' in window ? new BroadcastChannel('events ' + url) : undefined
  const tell = (event: Told) => {
    told(event)
    channel?.postMessage(event)
  }
  const open = () => {
    source = new EventSource(url)
    source.onopen = () => tell({ kind: 'open', body: null, at: Date.now() })
    source.onerror = () => tell({ kind: 'down', body: null, at: Date.now() })
    for (const kind of [...kinds, 'lost']) {
      source.addEventListener(kind, (event: MessageEvent<string>) => {
        tell({ kind, body: parse(event.data), at: Date.now() })
      })
    }
  }
  if (channel) channel.onmessage = (event: MessageEvent<Told>) => told(event.data)
  // Locks exist on https and on this machine only; elsewhere each tab that is looked at has a stream of its own.
  if (navigator.locks && channel) {
    const held = () =>
      new Promise<void>((done) => {
        open()
        ended.signal.addEventListener('abort', () => done())
      })
    navigator.locks.request('events ' + url, { signal: ended.signal }, held).catch(() => undefined)
  } else open()
  return () => {
    ended.abort()
    source?.close()
    channel?.close()
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
