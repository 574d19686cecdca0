/**
 * QR codes of short texts (ISO/IEC 18004): bytes at error correction level M, in the versions 1 to 20, which hold up to 666 bytes.
 * The way the modules are laid out follows the standard's own order: fixed patterns, data in a zigzag, then the mask that reads best.
 */
import { penalty } from './qr-penalty'

/** Bytes of error correction in each block, by version. */
const CHECK_BYTES = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26]
/** Into how many blocks the bytes are divided, by version. */
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16]

type Mask = (x: number, y: number) => boolean
const MASKS: readonly Mask[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
]

/** The dark modules of a text's code, row by row; null for a text that is too long. */
export function qrModules(text: string): boolean[][] | null {
  const bytes = new TextEncoder().encode(text)
  const version = CHECK_BYTES.findIndex((_, i) => dataBytes(i + 1) * 8 >= headBits(i + 1) + bytes.length * 8) + 1
  if (version === 0) return null
  const words = interleaved(padded(bytes, version), version)
  const codes = MASKS.map((isFlipped, mask) => drawn(words, version, mask, isFlipped))
  const penalties = codes.map(penalty)
  return codes[penalties.indexOf(Math.min(...penalties))] ?? null
}

/** Bits before the data: the mode and the length. */
function headBits(version: number): number {
  return version < 10 ? 12 : 20
}

/** Modules of a version that hold data or error correction. */
function dataModules(version: number): number {
  let modules = (16 * version + 128) * version + 64
  if (version >= 2) {
    const marks = Math.floor(version / 7) + 2
    modules -= (25 * marks - 10) * marks - 55
    if (version >= 7) modules -= 36
  }
  return modules
}

function dataBytes(version: number): number {
  return Math.floor(dataModules(version) / 8) - at(CHECK_BYTES, version - 1) * at(BLOCKS, version - 1)
}

function at(list: ArrayLike<number>, index: number): number {
  return list[index] ?? 0
}

/** Mode, length, the bytes, an end, and filling up to what the version holds. */
function padded(bytes: Uint8Array, version: number): number[] {
  const bits: number[] = []
  const put = (value: number, length: number) => {
    for (let i = length - 1; i >= 0; i--) bits.push((value >>> i) & 1)
  }
  put(0b0100, 4)
  put(bytes.length, headBits(version) - 4)
  for (const byte of bytes) put(byte, 8)
  const whole = dataBytes(version) * 8
  put(0, Math.min(4, whole - bits.length))
  put(0, (8 - (bits.length % 8)) % 8)
  for (let fill = 0xec; bits.length < whole; fill ^= 0xec ^ 0x11) put(fill, 8)
  return Array.from({ length: whole / 8 }, (_, i) => bits.slice(i * 8, i * 8 + 8).reduce((byte, bit) => (byte << 1) | bit, 0))
}

/** Multiplication in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function times(a: number, b: number): number {
  let product = 0
  for (let i = 7; i >= 0; i--) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d)
    product ^= ((b >>> i) & 1) * a
  }
  return product
}

/** The Reed-Solomon generator polynomial of a degree, without its leading 1. */
function generator(degree: number): number[] {
  const factors: number[] = Array.from({ length: degree }, (_, i) => Number(i === degree - 1))
  let root = 1
  for (let i = 0; i < degree; i++) {
    for (let j = 0; j < degree; j++) factors[j] = times(at(factors, j), root) ^ at(factors, j + 1)
    root = times(root, 2)
  }
  return factors
}

function remainder(block: readonly number[], divisor: readonly number[]): number[] {
  const rest = divisor.map(() => 0)
  for (const byte of block) {
    const factor = byte ^ at(rest, 0)
    rest.shift()
    rest.push(0)
    divisor.forEach((d, i) => (rest[i] = at(rest, i) ^ times(d, factor)))
  }
  return rest
}

/** The blocks with their error correction, a byte of each in turn. The last blocks may have one byte of data more. */
function interleaved(bytes: readonly number[], version: number): number[] {
  const [blocks, checkBytes] = [at(BLOCKS, version - 1), at(CHECK_BYTES, version - 1)]
  const divisor = generator(checkBytes)
  const short = Math.floor(bytes.length / blocks)
  const shorts = blocks - (bytes.length % blocks)
  let from = 0
  const data = Array.from({ length: blocks }, (_, i) => bytes.slice(from, (from += short + (i < shorts ? 0 : 1))))
  const checks = data.map((block) => remainder(block, divisor))
  const words: number[] = []
  for (let i = 0; i <= short; i++) for (const block of data) if (i < block.length) words.push(at(block, i))
  for (let i = 0; i < checkBytes; i++) for (const check of checks) words.push(at(check, i))
  return words
}

/** A grid of which some modules are fixed: data is written around them. */
class Grid {
  readonly dark: boolean[][]
  readonly fixed: boolean[][]

  constructor(readonly size: number) {
    const rows = () => Array.from({ length: size }, () => Array.from({ length: size }, () => false))
    this.dark = rows()
    this.fixed = rows()
  }

  fix(x: number, y: number, dark: boolean): void {
    const [row, fixed] = [this.dark[y], this.fixed[y]]
    if (!row || !fixed || x < 0 || x >= this.size) return
    row[x] = dark
    fixed[x] = true
  }

  /** Squares in squares around a middle: what a camera finds the code by. */
  mark(x: number, y: number, reach: number, light: readonly number[]): void {
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) this.fix(x + dx, y + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))))
    }
  }
}

/** Where the middles of the small marks are, in both directions. */
function marks(version: number): number[] {
  if (version === 1) return []
  const length = Math.floor(version / 7) + 2
  const step = Math.ceil((version * 4 + 4) / (length * 2 - 2)) * 2
  return [6, ...Array.from({ length: length - 1 }, (_, i) => version * 4 + 10 - step * (length - 2 - i))]
}

function drawn(words: readonly number[], version: number, mask: number, isFlipped: Mask): boolean[][] {
  const grid = new Grid(version * 4 + 17)
  const { size } = grid
  for (let i = 0; i < size; i++) {
    grid.fix(6, i, i % 2 === 0)
    grid.fix(i, 6, i % 2 === 0)
  }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]] as const) grid.mark(x, y, 4, [2, 4])
  const middles = marks(version)
  const corner = (x: number, y: number) => (x === 6 && (y === 6 || y === size - 7)) || (x === size - 7 && y === 6)
  for (const x of middles) for (const y of middles) if (!corner(x, y)) grid.mark(x, y, 2, [1])
  format(grid, mask)
  if (version >= 7) versionOf(grid, version)
  zigzag(grid, words, isFlipped)
  return grid.dark
}

/** Level and mask, twice, in 15 bits that survive three errors. Level M is written as 00. */
function format(grid: Grid, mask: number): void {
  let rest = mask
  for (let i = 0; i < 10; i++) rest = (rest << 1) ^ ((rest >>> 9) * 0x537)
  const bits = ((mask << 10) | rest) ^ 0x5412
  const bit = (i: number) => ((bits >>> i) & 1) === 1
  const { size } = grid
  for (let i = 0; i < 15; i++) {
    if (i < 6) grid.fix(8, i, bit(i))
    else if (i < 8) grid.fix(8, i + 1, bit(i))
    else if (i === 8) grid.fix(7, 8, bit(i))
    else grid.fix(14 - i, 8, bit(i))
    if (i < 8) grid.fix(size - 1 - i, 8, bit(i))
    else grid.fix(8, size - 15 + i, bit(i))
  }
  grid.fix(8, size - 8, true)
}

function versionOf(grid: Grid, version: number): void {
  let rest = version
  for (let i = 0; i < 12; i++) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25)
  const bits = (version << 12) | rest
  for (let i = 0; i < 18; i++) {
    const [a, b, dark] = [grid.size - 11 + (i % 3), Math.floor(i / 3), ((bits >>> i) & 1) === 1]
    grid.fix(a, b, dark)
    grid.fix(b, a, dark)
  }
}

/** Writes the bits in columns of two from the right, up and down in turn, under a mask. */
function zigzag(grid: Grid, words: readonly number[], isFlipped: Mask): void {
  let i = 0
  for (let pair = 0, right = grid.size - 1; right >= 1; right -= 2, pair++) {
    if (right === 6) right = 5
    for (let step = 0; step < grid.size; step++) {
      const y = pair % 2 === 0 ? grid.size - 1 - step : step
      const [row, fixed] = [grid.dark[y], grid.fixed[y]]
      for (const x of [right, right - 1]) {
        if (!row || fixed?.[x]) continue
        const bit = (at(words, i >>> 3) >>> (7 - (i & 7))) & 1
        row[x] = (bit === 1) !== isFlipped(x, y)
        i++
      }
    }
  }
}
