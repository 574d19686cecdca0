/** How the address of a comparison names its devices. */

/** More do not fit beside each other. */
export const MOST_COMPARED = 5

/** The devices that an address names; names with commas in them are written with `%2C`. */
export function namesIn(ids: string): string[] {
  return [...new Set(ids.split(',').filter(Boolean).map(plain))]
}

export function idsOf(names: readonly string[]): string {
  return names.map((name) => name.replaceAll('%', '%25').replaceAll(',', '%2C')).join(',')
}

function plain(id: string): string {
  return id.replaceAll(/%2c/gi, ',').replaceAll('%25', '%')
}
