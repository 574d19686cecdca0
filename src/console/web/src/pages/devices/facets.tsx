/** What the found devices have in common, with counts; a click narrows the query to one of them. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { api, data } from '../../api/client'
import { useProduct } from '../../product'
import { count } from '../../ui/text'
import { narrowed, quoted } from '../../query/completion'
import css from './devices.module.css'

const COLUMNS = ['platform', 'version', 'connection', 'tags'] as const
/** How many values of a column are shown. */
const SHOWN = 4

type Value = { value: string | null; count: number }

export function Facets({ query, ready, onNarrow }: { query: string; ready: boolean; onNarrow: (query: string) => void }) {
  const { org, product } = useProduct()
  const facets = useQuery({
    queryKey: ['facets', org, product, query],
    // The rows come first: counting takes the server longer.
    enabled: ready,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    retry: false,
    queryFn: ({ signal }) => {
      const asked = { query: query || undefined, by: COLUMNS.join(',') }
      return data(api.GET('/api/orgs/{org}/products/{product}/device_facets', { params: { path: { org, product }, query: asked as never }, signal }))
    },
  })
  const found = facets.data as Record<string, Value[]> | undefined
  if (!found) return null
  return (
    <div className={css.facets} role="group" aria-label="Narrow to">
      {COLUMNS.flatMap((column) =>
        (found[column] ?? [])
          .filter((v) => v.value !== null)
          .slice(0, SHOWN)
          .map((v) => {
            const operator = column === 'tags' ? 'contains' : '='
            const condition = `${column} ${operator} ${quoted(String(v.value))}`
            if (query.includes(condition)) return null
            return (
              <button key={condition} type="button" className={css.facet} title={condition} onClick={() => onNarrow(narrowed(query, condition))}>
                {v.value} <span className="muted num">{count(v.count)}</span>
              </button>
            )
          }),
      )}
    </div>
  )
}
