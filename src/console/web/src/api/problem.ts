/** What the server refused and why, as its answers say it. */
export class Problem extends Error {
  /** The status of the answer; 0 when there was none. */
  readonly status: number
  /** Messages by the field that they are about, with dots for fields in fields. */
  readonly fields: Record<string, string>

  constructor(status: number, message: string, fields: Record<string, string> = {}) {
    super(message)
    this.name = 'Problem'
    this.status = status
    this.fields = fields
  }
}

/** Reads the body of a refusal: `{"errors": {"detail": "..", "field": [".."]}}`. */
export function problemOf(status: number, body: unknown): Problem {
  const errors = isRecord(body) ? body.errors : undefined
  if (typeof errors === 'string') return new Problem(status, errors)
  if (!isRecord(errors)) return new Problem(status, fallback(status))
  const { detail, ...others } = errors
  const fields: Record<string, string> = {}
  flatten(others, '', fields)
  if (typeof detail === 'string') return new Problem(status, detail, fields)
  const message = Object.entries(fields).map(([field, text]) => `${field.replaceAll('_', ' ')} ${text}`)
  return new Problem(status, message.join('; ') || fallback(status), fields)
}

/** A problem for an answer that never came. */
export function unreachable(): Problem {
  return new Problem(0, 'The server cannot be reached. What you see is what it said last.')
}

function fallback(status: number): string {
  if (status === 413) return 'That is too large.'
  if (status === 429) return 'Too many requests at once. Wait a moment and try again.'
  if (status >= 500) return 'The server failed to answer. Its log says why.'
  return `The server refused (${status}).`
}

function flatten(value: unknown, path: string, into: Record<string, string>): void {
  if (Array.isArray(value) && value.every((v) => typeof v === 'string')) into[path] = value.join(', ')
  else if (typeof value === 'string') into[path] = value
  else if (Array.isArray(value)) value.forEach((v, i) => flatten(v, `${path}.${i}`, into))
  else if (isRecord(value)) {
    for (const [key, inner] of Object.entries(value)) flatten(inner, path ? `${path}.${key}` : key, into)
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
