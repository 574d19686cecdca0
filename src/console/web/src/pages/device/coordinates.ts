/** Coordinates as people copy them from maps. */

/** Both numbers of a text such as `52.52, 13.40`, as maps copy it; `null` for another text. */
export function pairOf(text: string): [string, string] | null {
  const found = /^\s*(-?\d+(?:\.\d+)?)\s*[,;\s]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(text)
  return found ? [found[1] ?? '', found[2] ?? ''] : null
}
