import { beforeEach, expect, test, vi } from 'vitest'

beforeEach(() => {
  vi.stubGlobal('location', { origin: 'https://hub.example', hostname: 'hub.example' })
  vi.resetModules()
})

test('after a login nobody is led away from this site', async () => {
  const { nextPath } = await import('./session')
  expect(nextPath('/o/acme/p/thermostat/devices?q=a%20b#x')).toBe('/o/acme/p/thermostat/devices?q=a%20b#x')
  for (const next of ['https://evil.example/', '//evil.example', '/\\evil.example', '\\\\evil.example', '/.//evil.example', '/x/..//evil.example', 'javascript:alert(1)', '', 7, undefined]) {
    expect(nextPath(next), String(next)).toBe('/')
  }
  expect(nextPath('/login?next=/login')).toBe('/')
})

test('roles are ordered', async () => {
  const { atLeast } = await import('./session')
  expect([atLeast('view', 'manage'), atLeast('manage', 'manage'), atLeast('admin', 'view'), atLeast(null, 'view')]).toEqual([false, true, true, false])
})
