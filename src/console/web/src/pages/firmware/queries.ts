/** What the pages about files read: the files of a product, the groups that use them, and how many devices a query finds. */
import { useQuery } from '@tanstack/react-query'
import { api, data, take } from '../../api/client'
import { useEveryPage } from '../../api/every-page'
import type { Archive, Firmware, Group, Pagination } from '../../api/types'

/** How often lists are read again, in milliseconds. */
const EVERY = 10_000

const byUuid = (file: { uuid: string }) => file.uuid
const byName = (group: Group) => group.name

export function useFirmwares(org: string, product: string) {
  const path = { org, product }
  return useEveryPage<Firmware>({
    queryKey: ['firmwares', org, product],
    rowKey: byUuid,
    read: (query, signal) => take(api.GET('/api/orgs/{org}/products/{product}/firmwares', { params: { path, query }, signal })),
  })
}

export function useArchives(org: string, product: string) {
  const path = { org, product }
  return useEveryPage<Archive>({
    queryKey: ['archives', org, product],
    rowKey: byUuid,
    read: (query, signal) => take(api.GET('/api/orgs/{org}/products/{product}/archives', { params: { path, query }, signal })),
  })
}

/** The deployment groups with what their current release brings, and how far that is where it is shown. */
export function useGroupList(org: string, product: string, progress?: 'progress') {
  const path = { org, product }
  return useEveryPage<Group>({
    queryKey: ['groups', org, product, ...(progress ? [progress] : [])],
    rowKey: byName,
    read: (page, signal) => {
      const query = progress ? { ...page, progress: true as const } : page
      return take(api.GET('/api/orgs/{org}/products/{product}/deployments', { params: { path, query }, signal }))
    },
  })
}

/** How many devices a query finds. */
export function useDeviceCount(org: string, product: string, query: string) {
  return useQuery({
    queryKey: ['devices', org, product, 'count', query],
    refetchInterval: EVERY,
    queryFn: async ({ signal }) => {
      const asked = { query: query || undefined, 'pagination[page]': 1, 'pagination[page_size]': 1 }
      const params = { path: { org, product }, query: asked }
      const answer = await take(api.GET('/api/orgs/{org}/products/{product}/devices', { params, signal }))
      return (answer as { pagination: Pagination }).pagination.total_entries
    },
  })
}

type Facet = { value: string | null; count: number }

/** How many of the devices that a query finds have which value of a column, of the 50 values that most of them have. */
export function useFacet(org: string, product: string, by: string, query?: string) {
  return useQuery({
    queryKey: ['devices', org, product, 'facets', by, query],
    refetchInterval: EVERY,
    queryFn: async ({ signal }) => {
      const params = { path: { org, product }, query: { by, query } }
      const answer = await data(api.GET('/api/orgs/{org}/products/{product}/device_facets', { params, signal }))
      return (answer as Record<string, Facet[] | undefined>)[by] ?? []
    },
  })
}

/** Where the file is: an address that leads on to a link that expires. */
export function downloadAddress(org: string, product: string, kind: 'firmwares' | 'archives', uuid: string): string {
  return `/api/orgs/${encodeURIComponent(org)}/products/${encodeURIComponent(product)}/${kind}/${encodeURIComponent(uuid)}/download`
}
