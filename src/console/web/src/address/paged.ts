/** Pages of a list that the API answers whole, and the page that an address names. */
import type { Pagination } from '../api/types'

export function paged<Row>(all: readonly Row[], page: number, size = 25): { rows: readonly Row[]; pagination: Pagination } {
  const pages = Math.max(1, Math.ceil(all.length / size))
  const at = Math.min(Math.max(1, page), pages)
  return {
    rows: all.slice((at - 1) * size, at * size),
    pagination: { page_number: at, page_size: size, total_entries: all.length, total_pages: pages },
  }
}

/** The page that a search parameter names, from 1. */
export function pageNumber(value: unknown): number {
  const page = Number(value)
  return Number.isInteger(page) && page > 0 ? page : 1
}
