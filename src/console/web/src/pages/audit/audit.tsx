/** "Who did that?" The audit log of a product, newest first; each view is its address. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Download } from 'lucide-react'
import { useState } from 'react'
import { api, take } from '../../api/client'
import type { AuditEntry, Pagination } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Button, buttonClass } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { Empty, Failure, Page, Skeleton } from '../../ui/layout'
import { Pager, Table, type Column } from '../../ui/table'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'
import { type Filters, pageOf, useFilters, useLastPage } from '../firmware/filters'
import { Chain } from './chain'
import { AuditFilters, momentOf } from './audit-filters'
import css from './audit.module.css'

type AuditPage = { data: AuditEntry[]; pagination: Pagination }

export default function Audit() {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const [shown, setShown] = useState<AuditEntry | null>(null)
  const page = pageOf(filters)
  const entries = useQuery({
    queryKey: ['audit', org, product, filters.q, filters.actor, filters.since, filters.until, page],
    placeholderData: keepPreviousData,
    // New entries would push those of later pages on while somebody reads them.
    refetchInterval: page === 1 ? 10_000 : false,
    queryFn: ({ signal }) => {
      const params = { path: { org, product }, query: { ...askedOf(filters), 'pagination[page]': page } }
      return take(api.GET('/api/orgs/{org}/products/{product}/audit_logs', { params, signal })) as Promise<AuditPage>
    },
  })
  const found = entries.data
  useLastPage(found?.pagination, change)
  return (
    <Page
      title="Audit"
      heading={
        <>
          <h1>Audit</h1>
          {found && (
            <span className="muted num" aria-live="polite">
              {count(found.pagination.total_entries)} {found.pagination.total_entries === 1 ? 'entry' : 'entries'}
            </span>
          )}
        </>
      }
      actions={<Export filters={filters} />}
    >
      <AuditFilters filters={filters} onChange={change} />
      {entries.error && <Failure error={entries.error} again={() => void entries.refetch()} />}
      {entries.isPending && <Skeleton lines={8} />}
      {found?.pagination.total_entries === 0 && <Nothing filters={filters} onClear={() => change({ q: '', actor: '', since: '', until: '' })} />}
      {found && found.pagination.total_entries > 0 && (
        <>
          <Table label="Audit log" rows={found.data} rowKey={(e) => e.id} columns={columns(org, product, (actor) => change({ actor }), setShown)} />
          <Pager at={found.pagination} onPage={(p) => change({ page: String(p) })} />
        </>
      )}
      {found && <Chain newest={page === 1 ? found.data : []} />}
      {shown && <Details entry={shown} onClose={() => setShown(null)} />}
    </Page>
  )
}

function askedOf(filters: Filters) {
  return {
    search: filters.q || undefined,
    actor: filters.actor || undefined,
    since: momentOf(filters.since),
    until: momentOf(filters.until),
  }
}

function columns(org: string, product: string, onActor: (actor: string) => void, onShow: (entry: AuditEntry) => void): Column<AuditEntry>[] {
  return [
    { name: 'When', cell: (e) => <span className={css.when}><Time at={e.at} /></span> },
    { name: 'Who', cell: (e) => <Who entry={e} onActor={onActor} /> },
    { name: 'What', names: true, cell: (e) => <span className={css.what}>{e.description}</span> },
    { name: 'On', cell: (e) => <On entry={e} org={org} product={product} /> },
    {
      name: 'Number',
      number: true,
      cell: (e) =>
        e.sequence === null ? (
          <span className="muted" title="Its number comes with its seal, within some two seconds.">
            …
          </span>
        ) : (
          `#${count(e.sequence)}`
        ),
    },
    {
      name: 'Details',
      cell: (e) =>
        e.details === null || e.details === undefined ? (
          <span className="muted">–</span>
        ) : (
          <Button small aria-label={`Details of: ${e.description}`} onClick={() => onShow(e)}>
            Details…
          </Button>
        ),
    },
  ]
}

function Who({ entry: e, onActor }: { entry: AuditEntry; onActor: (actor: string) => void }) {
  const { org, product } = useProduct()
  if (!e.actor) return <span className="muted">gone</span>
  const actor = e.actor
  if (e.actor_type === 'device') return <Link {...paths.device(org, product, actor, 'activity')}>{actor}</Link>
  if (e.actor_type === 'deployment_group') return <Link {...paths.group(org, product, actor, 'activity')}>{actor}</Link>
  return (
    <button type="button" className={css.actor} title={`Only what ${e.actor_email ?? actor} did`} onClick={() => onActor(e.actor_email ?? actor)}>
      {actor}
    </button>
  )
}

function On({ entry: e, org, product }: { entry: AuditEntry; org: string; product: string }) {
  if (!e.resource) return <span className="muted">gone</span>
  if (e.resource_type === 'device') return <Link {...paths.device(org, product, e.resource)}>{e.resource}</Link>
  if (e.resource_type === 'deployment_group') return <Link {...paths.group(org, product, e.resource)}>{e.resource}</Link>
  return (
    <>
      {e.resource} <span className="muted">{e.resource_type}</span>
    </>
  )
}

function Details({ entry, onClose }: { entry: AuditEntry; onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title="Details" wide>
      <p>{entry.description}</p>
      <p className="small muted">
        {entry.actor ?? 'somebody who is gone'}, {entry.at}
      </p>
      <pre className={css.details} tabIndex={0} aria-label="Details">
        {typeof entry.details === 'string' ? entry.details : JSON.stringify(entry.details, null, 2)}
      </pre>
      <DialogButtons>
        <Button onClick={onClose}>Close</Button>
      </DialogButtons>
    </Dialog>
  )
}

/** The export holds the entries of the whole organization, of which the filters leave a part. */
function Export({ filters }: { filters: Filters }) {
  const { org } = useProduct()
  const href = (format: string) => {
    const asked = Object.entries({ ...askedOf(filters), format }).filter((pair): pair is [string, string] => pair[1] !== undefined)
    return `/api/orgs/${encodeURIComponent(org)}/audit_logs/export?${new URLSearchParams(asked).toString()}`
  }
  return (
    <>
      <span className="small muted">of all of {org}:</span>
      <a className={buttonClass} href={href('csv')} download={`${org}-audit.csv`}>
        <Download size={15} aria-hidden /> CSV
      </a>
      <a className={buttonClass} href={href('json')} download={`${org}-audit.json`}>
        <Download size={15} aria-hidden /> JSON
      </a>
    </>
  )
}

function Nothing({ filters, onClear }: { filters: Filters; onClear: () => void }) {
  if (filters.q || filters.actor || filters.since || filters.until) {
    return (
      <Empty title="No entry matches">
        <Button onClick={onClear}>Clear the filters</Button>
      </Empty>
    )
  }
  return (
    <Empty title="Nothing has happened yet">
      <p>
        Everything that people, devices and the rules of deployment groups do in this product is written down here, and is kept for ever: who
        released what, which device was updated, who opened a console, what a script was asked.
      </p>
    </Empty>
  )
}
