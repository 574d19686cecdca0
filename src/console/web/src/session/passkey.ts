/** Passkeys in this browser: one is made, or asked for. Questions and answers are the JSON of WebAuthn, as the server writes and reads it. */
import { Problem } from '../api/problem'

type Json = Record<string, unknown>

/** Whether this browser has passkeys and reads their JSON, as all do since 2025. */
export function knowsPasskeys(): boolean {
  return typeof PublicKeyCredential === 'function' && 'parseCreationOptionsFromJSON' in PublicKeyCredential && 'credentials' in navigator
}

/** Makes a passkey. */
export async function makePasskey(options: Json): Promise<Json> {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options as unknown as PublicKeyCredentialCreationOptionsJSON)
  return answered(() => navigator.credentials.create({ publicKey }))
}

/** Asks for a passkey. */
export async function askForPasskey(options: Json): Promise<Json> {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options as unknown as PublicKeyCredentialRequestOptionsJSON)
  return answered(() => navigator.credentials.get({ publicKey }))
}

async function answered(ask: () => Promise<Credential | null>): Promise<Json> {
  let credential: Credential | null
  try {
    credential = await ask()
  } catch (e) {
    throw new Problem(0, reason(e instanceof DOMException ? e.name : ''))
  }
  if (!(credential instanceof PublicKeyCredential)) throw new Problem(0, reason(''))
  return credential.toJSON() as Json
}

/** Why a browser gave no passkey, by the name of its error. */
export function reason(name: string): string {
  if (name === 'NotAllowedError') return 'No passkey was given: the question was closed, or has waited for too long. Try again.'
  if (name === 'InvalidStateError') return 'This device has a passkey of this account already.'
  if (name === 'SecurityError') return `The server's passkeys are for another address than ${location.host}, which this page was opened by.`
  return 'The browser gave no passkey. Try again, or use another way.'
}
