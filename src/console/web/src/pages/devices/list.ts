/** Reads the device list by pages of a size that scrolls well, as they come into view. */
import { keepPreviousData, useQueries, useQuery } from '@tanstack/react-query'
import { useMemo, useRef } from 'react'
import { api, data, take } from '../../api/client'
import type { Device, Pagination } from '../../api/types'
import type { Sort } from '../../table/virtual-table'

/** Rows of a page: enough for the tallest screen, and read in a few milliseconds. */
export const PAGE = 200
/** With more pages than this on the screen something scrolls faster than anybody reads. */
const MOST = 4

/** What the columns of the list show. The list asks for these alone, so that a page of it stays small. */
const FIELDS = [
  'identifier',
  'description',
  'tags',
  'connection_status',
  'version',
  'firmware_metadata',
  'deployment_group',
  'updates_enabled',
  'updates_blocked_until',
  'last_communication',
] as const
/** What is read for a list besides the devices themselves. */
const MORE = ['health', 'update'] as const

export type ListedDevice = Pick<Device, (typeof FIELDS)[number]> & Required<Pick<Device, (typeof MORE)[number]>>

type DevicePage = { data: ListedDevice[]; pagination: Pagination }

function devicePage(org: string, product: string, query: string, sort: Sort, page: number, signal?: AbortSignal): Promise<DevicePage> {
  const asked = {
    query: query || undefined,
    sort: sort.by,
    sort_direction: sort.descending ? ('desc' as const) : ('asc' as const),
    'pagination[page]': page + 1,
    'pagination[page_size]': PAGE,
    fields: [...FIELDS, ...MORE].join(','),
  }
  return take(api.GET('/api/orgs/{org}/products/{product}/devices', { params: { path: { org, product }, query: asked }, signal })) as Promise<DevicePage>
}

type DeviceList = {
  total: number | undefined
  row: (index: number) => ListedDevice | undefined
  error: unknown
  /** Whether what is shown is of an earlier query. */
  stale: boolean
  /** The query that the rows are of: the last that the server understood. */
  query: string
  again: () => void
}

export function useDeviceList(org: string, product: string, query: string, sort: Sort, from: number, to: number): DeviceList {
  const page = (wanted: string, number: number) => ({
    queryKey: ['devices', org, product, wanted, sort.by, sort.descending, number] as const,
    queryFn: ({ signal }: { signal: AbortSignal }) => devicePage(org, product, wanted, sort, number, signal),
  })
  const asked = useQuery({ ...page(query, 0), placeholderData: keepPreviousData, refetchInterval: 30_000 })
  // A query that is half written is refused: the rows of the one before it stay.
  const understood = useRef(query)
  if (asked.isSuccess && !asked.isPlaceholderData) understood.current = query
  const shown = understood.current
  const first = useQuery({ ...page(shown, 0), placeholderData: keepPreviousData })
  const pages = useMemo(() => {
    const all = []
    for (let number = Math.floor(from / PAGE); number <= Math.floor(to / PAGE) && all.length < MOST; number++) all.push(number)
    return all
  }, [from, to])
  const read = useQueries({
    queries: pages.map((number) => ({ ...page(shown, number), placeholderData: number === 0 ? keepPreviousData : undefined, refetchInterval: 30_000 })),
  })
  return {
    total: first.data?.pagination.total_entries,
    row: (index) => read[pages.indexOf(Math.floor(index / PAGE))]?.data?.data[index % PAGE],
    error: asked.error,
    stale: asked.isPlaceholderData || shown !== query,
    query: shown,
    again: () => void asked.refetch(),
  }
}

/** The columns of the query language, with the values that the product has; read when somebody is about to write a query. */
export function useQueryColumns(org: string, product: string, wanted: boolean) {
  return useQuery({
    queryKey: ['device-columns', org, product],
    enabled: wanted,
    staleTime: 60_000,
    queryFn: () => data(api.GET('/api/orgs/{org}/products/{product}/device_columns', { params: { path: { org, product } } })),
  })
}
