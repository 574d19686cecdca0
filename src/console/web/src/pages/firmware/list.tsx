/** "Is the file there, and who gets it?" The firmware of a product: narrowed and sorted by the address, uploaded by dropping it. */
import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { Firmware, Group } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Button } from '../../ui/button'
import { Select } from '../../ui/form'
import { Command, CopyButton, Empty, Failure, Page, Skeleton } from '../../ui/layout'
import { Pager, type Column } from '../../ui/table'
import { Status } from '../../ui/status'
import { bytes, count, counted } from '../../ui/text'
import { Time } from '../../ui/time'
import { productFlags, shellWord } from '../../ui/shell-word'
import { quoted } from '../../query/completion'
import { paged } from '../../address/paged'
import { type Filters, SearchField, pageOf, useFilters } from '../../address/filters'
import { GroupedTable, type RowGroup } from './grouped-table'
import { useFacet, useFirmwares, useGroupList } from './queries'
import { UploadBox } from './upload-box'

const PER_PAGE = 50
const SORTS = [
  { value: '', label: 'Newest version first' },
  { value: 'oldest', label: 'Oldest version first' },
  { value: 'platform', label: 'By platform' },
  { value: 'author', label: 'By author' },
]

export default function FirmwareList() {
  const { org, product } = useProduct()
  const firmwares = useFirmwares(org, product)
  const all = firmwares.data
  return (
    <Page
      title="Firmware"
      heading={
        <>
          <h1>Firmware</h1>
          {all && <span className="muted num">{counted(all.length, 'file')}</span>}
        </>
      }
    >
      <UploadBox kind="firmware" />
      {firmwares.error && <Failure error={firmwares.error} again={() => void firmwares.refetch()} />}
      {firmwares.isPending && <Skeleton lines={6} />}
      {all?.length === 0 && <NoFirmware />}
      {all && all.length > 0 && <Found all={all} />}
    </Page>
  )
}

function Found({ all }: { all: readonly Firmware[] }) {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const groups = useGroupList(org, product)
  const found = useMemo(() => sorted(all.filter((f) => matches(f, filters)), filters.sort), [all, filters])
  const shown = paged(found, pageOf(filters), PER_PAGE)
  const byVersion = !filters.sort || filters.sort === 'oldest'
  const rowGroups = useVersionGroups(shown.rows, byVersion)
  return (
    <>
      <div className="row" role="search" aria-label="Narrow the list">
        <SearchField label="Search version, uuid, author" value={filters.q ?? ''} onChange={(q) => change({ q })} />
        <Narrow label="Platform" name="platform" all={all} filters={filters} onChange={change} />
        <Narrow label="Architecture" name="architecture" all={all} filters={filters} onChange={change} />
        <Narrow label="Tool" name="tool" all={all} filters={filters} onChange={change} />
        <Select label="Order" options={SORTS} value={filters.sort ?? ''} onChange={(sort) => change({ sort })} />
      </div>
      {found.length === 0 ? (
        <Empty title="No firmware matches">
          <Button onClick={() => change({ q: '', platform: '', architecture: '', tool: '' })}>Clear the filters</Button>
        </Empty>
      ) : (
        <GroupedTable label="Firmware" columns={columns(org, product, groups.data ?? [], !byVersion)} groups={rowGroups} rowKey={(f) => f.uuid} />
      )}
      <Pager at={shown.pagination} onPage={(p) => change({ page: String(p) })} />
    </>
  )
}

type NarrowProps = {
  label: string
  name: 'platform' | 'architecture' | 'tool'
  all: readonly Firmware[]
  filters: Filters
  onChange: (changed: Record<string, string>) => void
}

/** A choice among the values that there are; nothing where there is only one. */
function Narrow({ label, name, all, filters, onChange }: NarrowProps) {
  const chosen = filters[name] ?? ''
  const values = [...new Set(all.map((f) => f[name]))].sort()
  if (values.length < 2 && !chosen) return null
  const options = [{ value: '', label: `${label}: all` }, ...values.map((value) => ({ value, label: value }))]
  return <Select label={label} options={options} value={chosen} onChange={(value) => onChange({ [name]: value })} />
}

function matches(f: Firmware, { q, platform, architecture, tool }: Filters): boolean {
  const text = q?.toLowerCase() ?? ''
  return (
    (!platform || f.platform === platform) &&
    (!architecture || f.architecture === architecture) &&
    (!tool || f.tool === tool) &&
    (!text || [f.version, f.uuid, f.author, f.platform].some((part) => part?.toLowerCase().includes(text)))
  )
}

/** The server lists the highest version first, by the rules of semantic versions; a stable sort keeps that within the rest. */
function sorted(found: readonly Firmware[], order: string | undefined): readonly Firmware[] {
  if (order === 'oldest') return found.toReversed()
  if (order === 'platform') return found.toSorted((a, b) => a.platform.localeCompare(b.platform))
  if (order === 'author') return found.toSorted((a, b) => (a.author ?? '').localeCompare(b.author ?? ''))
  return found
}

function useVersionGroups(shown: readonly Firmware[], byVersion: boolean): readonly RowGroup<Firmware>[] {
  const { org, product } = useProduct()
  const counts = useFacet(org, product, 'version').data
  if (!byVersion) return [{ key: 'all', rows: shown }]
  const versions = new Map<string, Firmware[]>()
  for (const f of shown) versions.set(f.version, [...(versions.get(f.version) ?? []), f])
  return [...versions].map(([version, rows]) => {
    const devices = counts?.find((c) => c.value === version)?.count ?? 0
    const title = (
      <>
        {version}{' '}
        {devices > 0 && (
          <Link className="small" {...paths.product(org, product, 'devices', { q: `version = ${quoted(version)}` })}>
            {count(devices)} {devices === 1 ? 'device runs it' : 'devices run it'}
          </Link>
        )}
      </>
    )
    return { key: version, title, rows }
  })
}

function columns(org: string, product: string, groups: readonly Group[], flat: boolean): Column<Firmware>[] {
  const of = (uuid: string) => groups.filter((g) => g.firmware_uuid === uuid)
  return [
    {
      name: flat ? 'Version and platform' : 'Platform',
      names: true,
      cell: (f) => <Link {...paths.firmware(org, product, f.uuid)}>{flat ? `${f.version} ${f.platform}` : f.platform}</Link>,
    },
    { name: 'Architecture', cell: (f) => f.architecture },
    { name: 'Size', number: true, cell: (f) => (f.damaged ? <Status tone="bad">damaged</Status> : bytes(f.size)) },
    { name: 'Signed by', cell: (f) => f.signed_by ?? <span className="muted">–</span> },
    { name: 'Uploaded', cell: (f) => <Time at={f.inserted_at} /> },
    {
      name: 'Used by',
      cell: (f) => {
        const used = of(f.uuid)
        if (used.length === 0) return <span className="muted">no group</span>
        return (
          <>
            {used.slice(0, 3).map((g, i) => (
              <span key={g.name}>
                {i > 0 && ', '}
                <Link {...paths.group(org, product, g.name)}>{g.name}</Link>
              </span>
            ))}
            {used.length > 3 && ` and ${used.length - 3} more`}
          </>
        )
      },
    },
    {
      name: 'uuid',
      cell: (f) => (
        <span className="row" style={{ gap: 2, flexWrap: 'nowrap' }}>
          <code title={f.uuid}>{f.uuid.slice(0, 8)}</code>
          <CopyButton text={f.uuid} label={`Copy the uuid ${f.uuid}`} />
        </span>
      ),
    },
  ]
}

function NoFirmware() {
  const { org, product } = useProduct()
  const key = shellWord(`${org}-key`)
  return (
    <Empty title="No firmware yet">
      <p>
        Firmware is the signed file that <code>mix firmware</code> makes. It is checked against the{' '}
        <Link {...paths.orgSettings(org, 'keys')}>signing keys</Link> of {org}, so a key comes first. Once for each organization:
      </p>
      <Command text={`nervecenter firmware keygen --output ${key}\nnervecenter key import --org ${shellWord(org)} release ${key}.pub`} />
      <p>Then for each build, or drop the signed file above:</p>
      <Command
        text={`nervecenter firmware sign --key ${key}.priv --output signed.fw app.fw
nervecenter firmware publish ${productFlags(org, product)} signed.fw`}
      />
    </Empty>
  )
}
