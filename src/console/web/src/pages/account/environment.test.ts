import { expect, it } from 'vitest'
import { environment } from './environment'

const at = { server: 'https://hub.example', token: 'nhu_x' }

it('gives a token by the environment', () => {
  const lines = environment('NERVECENTER_URL', 'NERVECENTER', { ...at, product: null, org: 'acme' })
  expect(lines).toBe('export NERVECENTER_URL=https://hub.example\nexport NERVECENTER_TOKEN=nhu_x\nexport NERVECENTER_ORG=acme')
})

it('names the product that the token is limited to, in quotes where a shell would read it as something else', () => {
  const lines = environment('NERVES_HUB_URI', 'NERVES_HUB', { ...at, product: 'acme/a$(reboot)', org: 'other' })
  expect(lines.split('\n').slice(2)).toEqual(['export NERVES_HUB_ORG=acme', "export NERVES_HUB_PRODUCT='a$(reboot)'"])
})

it('leaves out what is not known', () => {
  expect(environment('A', 'B', at).split('\n')).toHaveLength(2)
})
