/**
 * SHA-256 (FIPS 180-4) of a file, read slice by slice. The browser's own digest wants the whole file in memory and is missing on plain
 * http, where a server without a certificate is reached.
 */

/** Bytes that are read and hashed between two looks at the screen: some 20 ms of work. */
const SLICE = 4 * 1024 * 1024

const K = constants()

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
function constants(): Int32Array {
  const found: number[] = []
  for (let n = 2; found.length < 64; n++) {
    let prime = true
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false
    if (prime) found.push(cubeRootBits(n))
  }
  return Int32Array.from(found)
}

function cubeRootBits(n: number): number {
  // Newton's method on integers: the cube root of n · 2^96, whose low 32 bits are wanted. A double holds only 53 bits.
  const wanted = BigInt(n) << 96n
  let root = BigInt(Math.ceil(Math.cbrt(n))) << 32n
  for (;;) {
    const next = (2n * root + wanted / (root * root)) / 3n
    if (next >= root) return Number(BigInt.asIntN(32, root))
    root = next
  }
}

export class Sha256 {
  private readonly h = Int32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19)
  private readonly w = new Int32Array(64)
  private readonly rest = new Uint8Array(64)
  private held = 0
  private length = 0

  update(bytes: Uint8Array): this {
    this.length += bytes.length
    let at = 0
    if (this.held > 0) {
      at = Math.min(64 - this.held, bytes.length)
      this.rest.set(bytes.subarray(0, at), this.held)
      this.held += at
      if (this.held < 64) return this
      this.block(this.rest, 0)
      this.held = 0
    }
    for (; at + 64 <= bytes.length; at += 64) this.block(bytes, at)
    this.rest.set(bytes.subarray(at), 0)
    this.held = bytes.length - at
    return this
  }

  /** The digest in hex digits; nothing can be added afterwards. */
  hex(): string {
    const padded = new Uint8Array(this.held < 56 ? 64 : 128)
    padded.set(this.rest.subarray(0, this.held))
    padded[this.held] = 0x80
    const view = new DataView(padded.buffer)
    view.setBigUint64(padded.length - 8, BigInt(this.length) * 8n)
    for (let at = 0; at < padded.length; at += 64) this.block(padded, at)
    return Array.from(this.h, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
  }

  private block(bytes: Uint8Array, at: number): void {
    const { w, h } = this
    for (let i = 0; i < 16; i++) {
      const p = at + i * 4
      w[i] = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!
    }
    for (let i = 16; i < 64; i++) {
      const x = w[i - 15]!
      const y = w[i - 2]!
      const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
      const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
      w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0
    }
    let [a, b, c, d, e, f, g, k] = h as unknown as [number, number, number, number, number, number, number, number]
    for (let i = 0; i < 64; i++) {
      const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
      const t1 = (k + s1 + ((e & f) ^ (~e & g)) + K[i]! + w[i]!) | 0
      const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      k = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    h[0] = (h[0]! + a) | 0
    h[1] = (h[1]! + b) | 0
    h[2] = (h[2]! + c) | 0
    h[3] = (h[3]! + d) | 0
    h[4] = (h[4]! + e) | 0
    h[5] = (h[5]! + f) | 0
    h[6] = (h[6]! + g) | 0
    h[7] = (h[7]! + k) | 0
  }
}

/** The digest of a file; `read` is told how many bytes were read. */
export async function sha256Of(file: Blob, signal: AbortSignal, read: (bytes: number) => void): Promise<string> {
  const digest = new Sha256()
  for (let at = 0; at < file.size; at += SLICE) {
    const slice = await file.slice(at, at + SLICE).arrayBuffer()
    signal.throwIfAborted()
    digest.update(new Uint8Array(slice))
    read(Math.min(at + SLICE, file.size))
    // Lets the page draw and take keys between two slices.
    await new Promise((go) => setTimeout(go))
  }
  return digest.hex()
}
