/** How badly a QR code reads, by the four rules of ISO/IEC 18004, 7.8.3: the mask with the least penalty is taken. */

/** Dark and light in the proportions of a large mark, with light before or behind, which a reader could take for one. */
const LIKE_A_MARK = ['10111010000', '00001011101']

export function penalty(modules: readonly (readonly boolean[])[]): number {
  const rows = modules.map((row) => row.map(Number).join(''))
  const columns = modules.map((_, x) => modules.map((row) => Number(row[x])).join(''))
  return [...rows, ...columns].reduce((sum, line) => sum + ofLine(line), 0) + ofSquares(rows) + ofBalance(rows.join(''))
}

/** Runs of five and more of a colour, and what looks like a mark. */
function ofLine(line: string): number {
  let sum = 0
  for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) sum += run.length - 2
  for (const mark of LIKE_A_MARK) for (let i = line.indexOf(mark); i >= 0; i = line.indexOf(mark, i + 1)) sum += 40
  return sum
}

/** Squares of two by two of a colour. */
function ofSquares(rows: readonly string[]): number {
  let sum = 0
  rows.forEach((row, y) => {
    const below = rows[y + 1]
    if (!below) return
    for (let x = 0; x + 1 < row.length; x++) {
      const colour = row[x]
      if (row[x + 1] === colour && below[x] === colour && below[x + 1] === colour) sum += 3
    }
  })
  return sum
}

/** Ten for each five hundredths that dark and light differ from a half. */
function ofBalance(all: string): number {
  const dark = all.replaceAll('0', '').length
  return Math.floor(Math.abs((dark * 20) / all.length - 10)) * 10
}
