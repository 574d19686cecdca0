/** A list that the server gives in pages, for a page that finds and sorts in all of it: the first rows are shown at once, the others join them. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useMemo } from 'react'
import type { Pagination } from './types'

/** What a request says of the page that it wants. */
export type PageQuery = { 'pagination[page]': number; 'pagination[page_size]': number }

type Answer<Row> = { data: readonly Row[]; pagination?: Pagination }

type Asked<Row> = {
  queryKey: readonly unknown[]
  read: (query: PageQuery, signal: AbortSignal) => Promise<Answer<Row>>
  /** What tells rows apart: one that moved on to the next page meanwhile comes twice. */
  rowKey: (row: Row) => string
  size?: number
  /** How often all of it is read again, in milliseconds. */
  every?: number
  enabled?: boolean
}

export function useEveryPage<Row>({ queryKey, read, rowKey, size = 100, every = 10_000, enabled = true }: Asked<Row>) {
  const pages = useInfiniteQuery({
    // Plain questions about the same list have another form.
    queryKey: [...queryKey, 'pages'],
    enabled,
    refetchInterval: every,
    initialPageParam: 1,
    queryFn: ({ pageParam, signal }) => read({ 'pagination[page]': pageParam, 'pagination[page_size]': size }, signal),
    getNextPageParam: ({ pagination: at }) => (at && at.page_number < at.total_pages ? at.page_number + 1 : undefined),
  })
  const { hasNextPage, isFetching, isError, fetchNextPage } = pages
  useEffect(() => {
    if (hasNextPage && !isFetching && !isError) void fetchNextPage()
  }, [hasNextPage, isFetching, isError, fetchNextPage])
  const got = pages.data?.pages
  const data = useMemo(() => got && unique(got.flatMap((p) => p.data), rowKey), [got, rowKey])
  return { data, error: pages.error, isPending: pages.isPending, refetch: pages.refetch }
}

function unique<Row>(rows: readonly Row[], rowKey: (row: Row) => string): readonly Row[] {
  const known = new Set<string>()
  return rows.filter((row) => {
    const key = rowKey(row)
    return !known.has(key) && known.add(key)
  })
}
