/** Where in a JSON text a path such as `steps[0].gate.soak_minutes` is. */
import { jsonLanguage } from '@codemirror/lang-json'

export type Place = { from: number; to: number }
type Node = ReturnType<typeof jsonLanguage.parser.parse>['topNode']

const KINDS = { object: 'Object', list: 'Array', property: 'Property', name: 'PropertyName' }

/**
 * The value of a path, to the end of its first line. A path whose end is missing is at the beginning of what should have it. `name`
 * wants the name of a property and not its value.
 */
export function placeOf(text: string, path: string, name = false): Place {
  let node = jsonLanguage.parser.parse(text).topNode.firstChild
  let rest = path
  let wanted: Node | null = node
  while (node && rest !== '') {
    const found = node.name === KINDS.list ? itemOf(node, rest) : node.name === KINDS.object ? propertyOf(node, rest, text) : null
    if (!found) return beginning(node, text)
    rest = found.rest
    node = found.value
    wanted = name && rest === '' ? found.name : node
  }
  return wanted ? (path === '' ? beginning(wanted, text) : firstLine(wanted, text)) : { from: 0, to: Math.min(1, text.length) }
}

type Found = { value: Node; name: Node; rest: string }

function itemOf(list: Node, path: string): Found | null {
  const index = /^\[(\d+)\]/.exec(path)
  if (!index) return null
  const items = childrenOf(list).filter((c) => !['[', ']', ',', '⚠'].includes(c.name))
  const value = items[Number(index[1])]
  return value ? { value, name: value, rest: path.slice(index[0].length).replace(/^\./, '') } : null
}

/** The property that a path begins with. Names may have dots in them, so the longest one that fits counts. */
function propertyOf(object: Node, path: string, text: string): Found | null {
  let best: Found | null = null
  for (const property of childrenOf(object).filter((c) => c.name === KINDS.property)) {
    const name = property.getChild(KINDS.name)
    const value = property.lastChild
    if (!name || !value) continue
    const word = nameIn(text.slice(name.from, name.to))
    const rest = path.slice(word.length)
    if (!path.startsWith(word) || !(rest === '' || rest.startsWith('.') || rest.startsWith('['))) continue
    if (!best || rest.length < best.rest.length) best = { value, name, rest }
  }
  return best && { ...best, rest: best.rest.replace(/^\./, '') }
}

function nameIn(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch {
    return quoted
  }
}

function childrenOf(node: Node): Node[] {
  const all: Node[] = []
  for (let child = node.firstChild; child; child = child.nextSibling) all.push(child)
  return all
}

function beginning(node: Node, text: string): Place {
  return { from: node.from, to: Math.min(node.from + 1, text.length) }
}

function firstLine(node: Node, text: string): Place {
  const end = text.indexOf('\n', node.from)
  return { from: node.from, to: end < 0 ? node.to : Math.min(end, node.to) }
}

/** The place of what a JSON parser stumbles over: the first thing that belongs nowhere. */
export function mistakeIn(text: string): Place {
  let found: Place | null = null
  jsonLanguage.parser.parse(text).iterate({
    enter: (node) => {
      if (found) return false
      if (node.type.isError) found = { from: node.from, to: node.to }
      return undefined
    },
  })
  const { from, to } = found ?? { from: 0, to: text.length }
  // Where something is missing the parser names a place between two signs, which could not be seen.
  return to > from ? { from, to } : { from: Math.max(0, from - 1), to: Math.max(from, Math.min(1, text.length)) }
}

/** The number of the line that a place is on, from 1. */
export function lineAt(text: string, at: number): number {
  return text.slice(0, at).split('\n').length
}
