/** Archives: signed files that a deployment group sends to its devices beside their firmware. */
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, take } from '../../api/client'
import type { Archive, Group } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Command, CopyButton, Empty, Failure, Page, Skeleton } from '../../ui/layout'
import { Pager, Table, type Column } from '../../ui/table'
import { bytes, counted } from '../../ui/text'
import { Time } from '../../ui/time'
import { toast } from '../../ui/toast'
import { productFlags, shellWord } from '../../ui/shell-word'
import { DownloadLink } from './download-link'
import { paged } from '../../address/paged'
import { SearchField, pageOf, useFilters } from '../../address/filters'
import { useArchives, useGroupList } from './queries'
import { UploadBox } from './upload-box'

const PER_PAGE = 50

export default function Archives() {
  const { org, product } = useProduct()
  const archives = useArchives(org, product)
  const all = archives.data
  return (
    <Page
      title="Archives"
      heading={
        <>
          <h1>Archives</h1>
          {all && <span className="muted num">{counted(all.length, 'file')}</span>}
        </>
      }
    >
      <UploadBox kind="archive" />
      {archives.error && <Failure error={archives.error} again={() => void archives.refetch()} />}
      {archives.isPending && <Skeleton lines={5} />}
      {all?.length === 0 && <NoArchives />}
      {all && all.length > 0 && <Found all={all} />}
    </Page>
  )
}

function Found({ all }: { all: readonly Archive[] }) {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const groups = useGroupList(org, product)
  const [deleting, setDeleting] = useState<Archive | null>(null)
  const may = atLeast(useRole(org), 'manage')
  const text = filters.q?.toLowerCase() ?? ''
  const parts = (a: Archive) => [a.version, a.platform, a.architecture, a.uuid, a.description]
  const found = all.filter((a) => !text || parts(a).some((part) => part?.toLowerCase().includes(text)))
  const shown = paged(found, pageOf(filters), PER_PAGE)
  const columns: Column<Archive>[] = [
    { name: 'Version', names: true, cell: (a) => a.version },
    { name: 'Platform', cell: (a) => a.platform },
    { name: 'Architecture', cell: (a) => a.architecture },
    { name: 'Description', cell: (a) => a.description ?? <span className="muted">–</span> },
    { name: 'Used by', cell: (a) => <UsedBy groups={groups.data?.filter((g) => g.archive_uuid === a.uuid)} /> },
    { name: 'Size', number: true, cell: (a) => bytes(a.size) },
    { name: 'Uploaded', cell: (a) => <Time at={a.uploaded_at} /> },
    {
      name: 'uuid',
      cell: (a) => (
        <span className="row" style={{ gap: 2, flexWrap: 'nowrap' }}>
          <code title={a.uuid}>{a.uuid.slice(0, 8)}</code>
          <CopyButton text={a.uuid} label={`Copy the uuid ${a.uuid}`} />
        </span>
      ),
    },
    {
      name: 'Actions',
      cell: (a) => (
        <span className="row">
          <DownloadLink kind="archives" uuid={a.uuid} name={`archive ${a.version}`} small />
          <Button small kind="danger" disabled={!may} aria-label={`Delete archive ${a.version} for ${a.platform}`} onClick={() => setDeleting(a)}>
            Delete…
          </Button>
        </span>
      ),
    },
  ]
  return (
    <>
      <div className="row" role="search" aria-label="Narrow the list">
        <SearchField label="Search version, platform, description" value={filters.q ?? ''} onChange={(q) => change({ q })} />
      </div>
      <Table label="Archives" rows={shown.rows} rowKey={(a) => a.uuid} columns={columns} none="No archive matches." />
      <Pager at={shown.pagination} onPage={(p) => change({ page: String(p) })} />
      {deleting && <Delete archive={deleting} onClose={() => setDeleting(null)} />}
    </>
  )
}

function UsedBy({ groups }: { groups: readonly Group[] | undefined }) {
  const { org, product } = useProduct()
  if (!groups?.length) return <span className="muted">no group</span>
  return groups.map((g, i) => (
    <span key={g.name}>
      {i > 0 && ', '}
      <Link {...paths.group(org, product, g.name)}>{g.name}</Link>
    </span>
  ))
}

function Delete({ archive: a, onClose }: { archive: Archive; onClose: () => void }) {
  const { org, product } = useProduct()
  const act = async () => {
    const params = { path: { org, product, uuid: a.uuid } }
    await take(api.DELETE('/api/orgs/{org}/products/{product}/archives/{uuid}', { params }))
    await queries.invalidateQueries({ queryKey: ['archives', org, product] })
    toast(`Archive ${a.version} is deleted.`)
  }
  return (
    <Confirm open onClose={onClose} title={`Delete archive ${a.version} for ${a.platform}`} act="Delete it" danger typed={a.version} onConfirm={act}>
      <p>The file is deleted and cannot be brought back. Devices keep what they have. The server refuses while a release uses it.</p>
    </Confirm>
  )
}

function NoArchives() {
  const { org, product } = useProduct()
  const sign = `nervecenter firmware sign --key ${shellWord(`${org}-key`)}.priv --output signed.fw archive.fw`
  return (
    <Empty title="No archives yet">
      <p>
        An archive is a signed fwup file with data or applications, apart from the system. A release of a deployment group can name one beside
        its firmware; the group's devices then download it and unpack it as their code says. Sign it with a key of {org} and drop it above, or:
      </p>
      <Command text={`${sign}\nnervecenter archive publish ${productFlags(org, product)} signed.fw`} />
    </Empty>
  )
}
