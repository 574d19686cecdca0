/** Numbers, sizes and times as people read them. */
const integers = new Intl.NumberFormat('en')
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always', style: 'narrow' })

export function count(n: number | null | undefined): string {
  return n === null || n === undefined ? '–' : integers.format(n)
}

/** `1 device`, `2 devices`. */
export function counted(n: number, one: string, many = one + 's'): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

export function percent(part: number, whole: number): string {
  if (whole === 0) return '–'
  const value = (part / whole) * 100
  // Neither "100 %" while one is missing, nor "0 %" when there is one.
  if (value > 99.9 && part < whole) return '99.9 %'
  if (value < 0.1 && part > 0) return '0.1 %'
  return `${Number.isInteger(value) ? value : value.toFixed(1)} %`
}

/** Bytes with a unit of thousands, as files are measured. */
export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined) return '–'
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let value = n
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** The moment that the API names. Its times are UTC; some of its answers leave the `Z` away, as the original does. */
export function moment(text: string): Date {
  const whole = text.replace(' ', 'T')
  return new Date(/(Z|[+-]\d\d:?\d\d)$/.test(whole) ? whole : whole + 'Z')
}

/** How long ago: `now`, `5 min. ago`, `in 2 hr.`. */
export function ago(then: Date, now: number): string {
  const seconds = Math.round((then.getTime() - now) / 1000)
  const size = Math.abs(seconds)
  if (size < 10) return 'now'
  if (size < 90) return relative.format(seconds, 'second')
  if (size < 5400) return relative.format(Math.round(seconds / 60), 'minute')
  if (size < 129_600) return relative.format(Math.round(seconds / 3600), 'hour')
  return relative.format(Math.round(seconds / 86_400), 'day')
}

/** A length of time: `45 s`, `3 min`, `2 h 5 min`, `4 d`. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`
  return `${Math.round(hours / 24)} d`
}

/** A moment as the API and addresses write it, to the second. */
export function wholeSeconds(at: number): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')
}
