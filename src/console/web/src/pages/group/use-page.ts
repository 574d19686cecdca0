/** The page of a list below a group, kept in the address. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { paths } from '../../paths'
import { useGroupAddress } from './group-api'
import { pageNumber } from '../../address/paged'

export function usePage(tab: string): [number, (page: number) => void] {
  const raw = useSearch({ strict: false }) as Record<string, unknown>
  const navigate = useNavigate()
  const { org, product, group } = useGroupAddress()
  const page = pageNumber(raw.page)
  const set = (next: number) =>
    void navigate({ ...paths.group(org, product, group, tab, { ...raw, page: next > 1 ? next : undefined }), replace: true })
  return [page, set]
}
