import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Sha256, sha256Of } from './sha256'

const expected = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const bytes = (n: number) => Uint8Array.from({ length: n }, (_, i) => (i * 131 + (i >> 7)) & 255)

describe('SHA-256', () => {
  it('agrees with another implementation for every length around the blocks', () => {
    for (let n = 0; n <= 260; n++) expect(new Sha256().update(bytes(n)).hex()).toBe(expected(bytes(n)))
  })

  it('does not depend on how the bytes are cut', () => {
    const all = bytes(1000)
    for (const cut of [1, 3, 63, 64, 65, 127, 500]) {
      const digest = new Sha256()
      for (let at = 0; at < all.length; at += cut) digest.update(all.subarray(at, at + cut))
      expect(digest.hex()).toBe(expected(all))
    }
  })

  it('reads a file by slices and can be stopped', async () => {
    const all = bytes(9_000_000)
    const told: number[] = []
    const hex = await sha256Of(new Blob([all]), new AbortController().signal, (n) => told.push(n))
    expect(hex).toBe(expected(all))
    expect(told.at(-1)).toBe(all.length)
    await expect(sha256Of(new Blob([all]), AbortSignal.abort(), () => undefined)).rejects.toThrow()
  })
})
