/** A state by shape, word and colour: never by colour alone. */
import css from './parts.module.css'

export type Tone = 'ok' | 'running' | 'waiting' | 'warn' | 'bad' | 'paused' | 'off'

/** The shapes: a circle with a check, a half circle, a ring, a triangle, a square with a cross, two bars, a dash. */
function Shape({ tone }: { tone: Tone }) {
  const stroke = { fill: 'none', stroke: 'currentColor', strokeWidth: 1.6 }
  const cut = { fill: 'none', stroke: 'var(--bg)', strokeWidth: 1.6, strokeLinecap: 'round' as const }
  return (
    <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden>
      {tone === 'ok' && (
        <>
          <circle cx="7" cy="7" r="6" fill="currentColor" />
          <path d="M4.2 7.2 6.2 9.2 9.8 5.2" {...cut} />
        </>
      )}
      {tone === 'running' && (
        <>
          <circle cx="7" cy="7" r="5.2" {...stroke} />
          <path d="M7 1.8a5.2 5.2 0 0 1 0 10.4z" fill="currentColor" />
        </>
      )}
      {tone === 'waiting' && <circle cx="7" cy="7" r="5.2" {...stroke} />}
      {tone === 'warn' && (
        <>
          <path d="M7 1 13.2 12.6H.8z" fill="currentColor" />
          <path d="M7 5.2v3.4M7 10.6v.1" {...cut} />
        </>
      )}
      {tone === 'bad' && (
        <>
          <rect x="1" y="1" width="12" height="12" rx="1.5" fill="currentColor" />
          <path d="M4.5 4.5l5 5M9.5 4.5l-5 5" {...cut} />
        </>
      )}
      {tone === 'paused' && <path d="M4.4 2v10M9.6 2v10" stroke="currentColor" strokeWidth="2.6" />}
      {tone === 'off' && <path d="M2.5 7h9" stroke="currentColor" strokeWidth="2" />}
    </svg>
  )
}

export function Status({ tone, children }: { tone: Tone; children: React.ReactNode }) {
  return (
    <span className={css.status} data-tone={tone}>
      <Shape tone={tone} />
      <span>{children}</span>
    </span>
  )
}

/** Whether a device is connected, in the words of the API. */
export function connectionStatus(status: string | undefined, online?: boolean): { tone: Tone; word: string } {
  const known = online === undefined ? status : online ? 'connected' : 'disconnected'
  if (known === 'connected') return { tone: 'ok', word: 'online' }
  if (known === 'connecting') return { tone: 'running', word: 'connecting' }
  if (known === 'not_seen') return { tone: 'off', word: 'never seen' }
  return { tone: 'waiting', word: 'offline' }
}

export function healthStatus(status: string | null | undefined): { tone: Tone; word: string } {
  if (status === 'healthy') return { tone: 'ok', word: 'healthy' }
  if (status === 'warning') return { tone: 'warn', word: 'warning' }
  if (status === 'unhealthy') return { tone: 'bad', word: 'unhealthy' }
  return { tone: 'off', word: 'unknown' }
}

export function rolloutStatus(state: string, status?: string, done?: boolean): { tone: Tone; word: string } {
  if (state === 'paused') return { tone: 'paused', word: 'paused' }
  if (state === 'stopped') return { tone: 'bad', word: 'stopped' }
  if (state === 'aborted') return { tone: 'bad', word: 'aborted' }
  if (status === 'preparing') return { tone: 'running', word: 'preparing' }
  if (done) return { tone: 'ok', word: 'done' }
  return { tone: 'running', word: 'running' }
}
