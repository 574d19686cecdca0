import { expect, it } from 'vitest'
import { base64, pemOf } from './base64'

it('writes bytes, however many', () => {
  expect(base64(new Uint8Array([0, 255, 128]))).toBe('AP+A')
  const many = Uint8Array.from({ length: 300_001 }, (_, n) => n % 256)
  expect(base64(many)).toBe(Buffer.from(many).toString('base64'))
})

it('makes PEM of what a file of a certificate holds', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
  expect(pemOf(`\n${pem}\n\n`)).toBe(pem)
  expect(pemOf('MIIB')).toBe(pem)
  expect(pemOf('A'.repeat(100)).split('\n').map((line) => line.length)).toEqual([27, 64, 36, 25, 0])
})
