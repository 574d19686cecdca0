import { expect, it } from 'vitest'
import { lineAt, mistakeIn, placeOf } from './json-place'

const TEXT = `{
  "version": 2,
  "steps": [
    { "name": "a [0].b {", "gate": { "soak_minutes": -1 } },
    {
      "name": "",
      "matching_conditions": { "network_interfaces": ["wifi", "carrier pigeon"] },
      "odd.name[0]": true,
      "gate": {
        "validated_percent": 101
      }
    }
  ]
}`
const at = (path: string, name = false) => {
  const { from, to } = placeOf(TEXT, path, name)
  return [lineAt(TEXT, from), TEXT.slice(from, to)]
}

it('finds the value of a path, also where another step has the same names', () => {
  expect(at('version')).toEqual([2, '2'])
  expect(at('steps[0].gate.soak_minutes')).toEqual([4, '-1'])
  expect(at('steps[1].name')).toEqual([6, '""'])
  expect(at('steps[1].matching_conditions.network_interfaces[1]')).toEqual([7, '"carrier pigeon"'])
})

it('finds a name with dots and brackets in it', () => {
  expect(at('steps[1].odd.name[0]', true)).toEqual([8, '"odd.name[0]"'])
})

it('marks the first line of what spans many, and the beginning of what lacks something', () => {
  expect(at('steps[1].gate')).toEqual([9, '{'])
  expect(at('steps[0].matching_conditions.match_limit')).toEqual([4, '{'])
  expect(at('steps[7]')).toEqual([3, '['])
  expect(at('')).toEqual([1, '{'])
})

it('marks where a text stops being JSON', () => {
  const text = '{\n  "version": 1,\n  "steps": [}\n}'
  expect(lineAt(text, mistakeIn(text).from)).toBe(3)
  const { from, to } = mistakeIn('{"version": 1')
  expect(to).toBeGreaterThan(from)
  expect(mistakeIn('')).toEqual({ from: 0, to: 0 })
})
