/** Pages of a list that the API answers whole. */
import type { Pagination } from '../../api/types'

export function pageOf<Row>(all: readonly Row[], page: number, size = 25): { rows: readonly Row[]; pagination: Pagination } {
  const pages = Math.max(1, Math.ceil(all.length / size))
  const at = Math.min(Math.max(1, page), pages)
  return {
    rows: all.slice((at - 1) * size, at * size),
    pagination: { page_number: at, page_size: size, total_entries: all.length, total_pages: pages },
  }
}
