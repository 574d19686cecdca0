/** The addresses of the console. Every view has one; names in them are encoded by the router. */
export type Target = { to: string; params?: Record<string, string>; search?: Record<string, unknown> }

const P = '/o/$org/p/$product'

export const paths = {
  org: (org: string): Target => ({ to: '/o/$org', params: { org } }),
  orgSettings: (org: string, page = 'members'): Target => ({ to: `/o/$org/settings/${page}`, params: { org } }),
  /** A page of a product: `overview`, `devices`, `groups`, `firmware`, `archives`, `scripts`, `insights`, `audit`, `notifications`, `jobs`. */
  product: (org: string, product: string, page = 'overview', search?: Record<string, unknown>): Target => ({
    to: `${P}/${page}`,
    params: { org, product },
    ...(search && { search }),
  }),
  device: (org: string, product: string, device: string, tab = 'summary'): Target => ({
    to: `${P}/devices/$device/${tab}`,
    params: { org, product, device },
  }),
  group: (org: string, product: string, group: string, tab = 'live', search?: Record<string, unknown>): Target => ({
    to: `${P}/groups/$group/${tab}`,
    params: { org, product, group },
    ...(search && { search }),
  }),
  firmware: (org: string, product: string, uuid: string): Target => ({
    to: `${P}/firmware/$uuid`,
    params: { org, product, uuid },
  }),
  job: (org: string, product: string, job: string): Target => ({ to: `${P}/jobs/$job`, params: { org, product, job } }),
  settings: (org: string, product: string, page = 'general'): Target => ({
    to: `${P}/settings/${page}`,
    params: { org, product },
  }),
}
