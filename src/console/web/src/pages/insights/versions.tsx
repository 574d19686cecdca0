/** Which versions the fleet runs, over all platforms or one. */
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Select } from '../../ui/form'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Table } from '../../ui/table'
import { count, percent } from '../../ui/text'
import { narrowed, quoted } from '../../query/completion'
import { useFilters } from '../../address/filters'
import { useFacet } from '../firmware/queries'
import { Share } from '../../ui/share'

/** The server counts this many values of a column. */
const COUNTED = 50

export function Versions({ devices }: { devices: number }) {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const platform = filters.platform ?? ''
  const platforms = useFacet(org, product, 'platform').data?.filter((p) => p.value !== null) ?? []
  const only = platform ? `platform = ${quoted(platform)}` : undefined
  const facets = useFacet(org, product, 'version', only)
  const versions = facets.data ?? []
  const whole = platform ? (platforms.find((p) => p.value === platform)?.count ?? 0) : devices
  const queryOf = (version: string) => narrowed(only ?? '', `version = ${quoted(version)}`)
  return (
    <Card
      title="Versions"
      actions={
        platforms.length > 1 && (
          <Select
            label="Platform"
            options={[
              { value: '', label: 'All platforms' },
              ...platforms.map((p) => ({ value: p.value ?? '', label: `${p.value} (${count(p.count)})` })),
            ]}
            value={platform}
            onChange={(value) => change({ platform: value })}
          />
        )
      }
    >
      {facets.error && <Failure error={facets.error} again={() => void facets.refetch()} />}
      {facets.isPending && <Skeleton lines={4} />}
      {facets.data && (
        <Table
          label="Devices by version"
          rows={versions}
          rowKey={(v) => v.value ?? ''}
          columns={[
            {
              name: 'Version',
              names: true,
              cell: (v) =>
                v.value === null ? (
                  <span className="muted">never told</span>
                ) : (
                  <Link {...paths.product(org, product, 'devices', { q: queryOf(v.value) })}>{v.value}</Link>
                ),
            },
            { name: 'Devices', number: true, cell: (v) => count(v.count) },
            { name: 'Share', number: true, cell: (v) => percent(v.count, whole) },
            { name: 'Part of all', cell: (v) => <Share part={v.count} whole={whole} /> },
          ]}
        />
      )}
      {versions.length >= COUNTED && <p className="small muted">The {COUNTED} versions that most devices run.</p>}
    </Card>
  )
}
