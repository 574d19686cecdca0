import { expect, it } from 'vitest'
import { productFlags, shellWord } from './shell-word'

it('quotes what a shell would take apart', () => {
  expect(shellWord('acme-1.2')).toBe('acme-1.2')
  expect(shellWord('thermo stat')).toBe("'thermo stat'")
  expect(shellWord("o'clock")).toBe("'o'\\''clock'")
  expect(shellWord('$(x)')).toBe("'$(x)'")
  expect(productFlags('acme', 'thermo stat')).toBe("--org acme --product 'thermo stat'")
})
