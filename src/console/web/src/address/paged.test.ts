import { expect, it } from 'vitest'
import { pageNumber, paged } from './paged'

it('divides a list into pages, and stays on the last when the list became shorter', () => {
  const all = [1, 2, 3, 4, 5]
  expect(paged(all, 2, 2)).toEqual({ rows: [3, 4], pagination: { page_number: 2, page_size: 2, total_entries: 5, total_pages: 3 } })
  expect(paged(all, 9, 2).rows).toEqual([5])
  expect(paged([], 1).pagination.total_pages).toBe(1)
})

it('reads the page of an address', () => {
  expect([3, '3', 0, -1, 1.5, 'x', undefined].map(pageNumber)).toEqual([3, 3, 1, 1, 1, 1, 1])
})
