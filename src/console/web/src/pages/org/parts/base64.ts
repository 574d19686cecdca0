/** Bytes as base64, a piece at a time: a function takes only so many arguments. */
const PIECE = 8192

export function base64(bytes: Uint8Array): string {
  let characters = ''
  for (let at = 0; at < bytes.length; at += PIECE) characters += String.fromCharCode(...bytes.subarray(at, at + PIECE))
  return btoa(characters)
}

/** A certificate as PEM: as it is, or around the base64 of its DER, which a file may hold instead. */
export function pemOf(text: string): string {
  const trimmed = text.trim()
  if (trimmed.includes('-----BEGIN')) return trimmed + '\n'
  const lines = trimmed.replace(/\s+/g, '').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}
