/** Support scripts: Elixir code that is kept for the product and run on a device when somebody asks it something. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, take } from '../../api/client'
import type { Pagination } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button, buttonClass } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Command, Empty, Failure, Page, Skeleton, Tags } from '../../ui/layout'
import { Pager, Table } from '../../ui/table'
import { count } from '../../ui/text'
import { toast } from '../../ui/toast'
import { SearchField, pageOf, useFilters, useLastPage } from '../../address/filters'
import { productFlags } from '../../ui/shell-word'
import { RoleNote } from '../../ui/role-note'
import { ScriptEditor } from './editor'
import { RunScript } from './run'
import type { ScriptEntry } from './script'

type ScriptPage = { data: ScriptEntry[]; pagination: Pagination }
type Open = { what: 'run' | 'edit' | 'delete'; script: ScriptEntry } | { what: 'new' } | null

export default function Scripts() {
  const { org, product } = useProduct()
  const [filters, change] = useFilters()
  const [open, setOpen] = useState<Open>(null)
  const may = atLeast(useRole(org), 'manage')
  const asked = { 'filters[name]': filters.name, 'filters[tags]': filters.tags, 'filters[search]': filters.q, 'pagination[page]': pageOf(filters) }
  const scripts = useQuery({
    queryKey: ['scripts', org, product, asked],
    placeholderData: keepPreviousData,
    refetchInterval: 10_000,
    queryFn: ({ signal }) => {
      const params = { path: { org, product }, query: asked }
      return take(api.GET('/api/orgs/{org}/products/{product}/scripts', { params, signal })) as Promise<ScriptPage>
    },
  })
  const found = scripts.data
  useLastPage(found?.pagination, change)
  const narrowed = Boolean(filters.q || filters.name || filters.tags)
  const close = () => setOpen(null)
  return (
    <Page
      title="Scripts"
      heading={
        <>
          <h1>Scripts</h1>
          {found && <span className="muted num">{count(found.pagination.total_entries)}</span>}
        </>
      }
      actions={
        <Button kind="primary" disabled={!may} onClick={() => setOpen({ what: 'new' })}>
          New script
        </Button>
      }
    >
      <RoleNote org={org} needs="manage" what="Making, changing or deleting a script" />
      {scripts.error && <Failure error={scripts.error} again={() => void scripts.refetch()} />}
      {scripts.isPending && <Skeleton lines={5} />}
      {found && found.pagination.total_entries === 0 && !narrowed && <NoScripts />}
      {found && (found.pagination.total_entries > 0 || narrowed) && (
        <>
          <div className="row" role="search" aria-label="Narrow the list">
            <SearchField label="Search names and tags" value={filters.q ?? ''} onChange={(q) => change({ q })} />
            <SearchField label="Tag" value={filters.tags ?? ''} onChange={(tags) => change({ tags })} />
          </div>
          <ScriptTable scripts={found.data} may={may} onOpen={setOpen} onClear={() => change({ q: '', name: '', tags: '' })} />
          <Pager at={found.pagination} onPage={(page) => change({ page: String(page) })} />
        </>
      )}
      {open?.what === 'new' && <ScriptEditor onClose={close} />}
      {open?.what === 'edit' && <ScriptEditor entry={open.script} onClose={close} />}
      {open?.what === 'run' && <RunScript script={open.script} onClose={close} />}
      {open?.what === 'delete' && <DeleteScript script={open.script} onClose={close} />}
    </Page>
  )
}

type TableProps = { scripts: readonly ScriptEntry[]; may: boolean; onOpen: (open: Open) => void; onClear: () => void }

function ScriptTable({ scripts, may, onOpen, onClear }: TableProps) {
  const { org, product } = useProduct()
  return (
    <Table
      label="Scripts"
      rows={scripts}
      rowKey={(s) => s.id}
      none={
        <span className="row">
          No script matches.
          <Button small onClick={onClear}>
            Clear the filters
          </Button>
        </span>
      }
      columns={[
        { name: 'Name', names: true, cell: (s) => s.name },
        { name: 'Tags', cell: (s) => <Tags tags={s.tags as string[] | null} /> },
        { name: 'Number', number: true, cell: (s) => s.id },
        {
          name: 'Actions',
          cell: (s) => (
            <span className="row">
              <Button small aria-label={`Run ${s.name}`} onClick={() => onOpen({ what: 'run', script: s })}>
                Run…
              </Button>
              <Link className={buttonClass} data-size="small" aria-label={`Run ${s.name} on many devices`} {...paths.product(org, product, 'devices', { script: s.id })}>
                On many…
              </Link>
              <Button small aria-label={`${may ? 'Edit' : 'Show'} ${s.name}`} onClick={() => onOpen({ what: 'edit', script: s })}>
                {may ? 'Edit…' : 'Show…'}
              </Button>
              <Button small kind="danger" disabled={!may} aria-label={`Delete ${s.name}`} onClick={() => onOpen({ what: 'delete', script: s })}>
                Delete…
              </Button>
            </span>
          ),
        },
      ]}
    />
  )
}

function DeleteScript({ script, onClose }: { script: ScriptEntry; onClose: () => void }) {
  const { org, product } = useProduct()
  const act = async () => {
    const params = { path: { org, product, script: String(script.id) } }
    await take(api.DELETE('/api/orgs/{org}/products/{product}/scripts/{script}', { params: params as never }))
    await queries.invalidateQueries({ queryKey: ['scripts', org, product] })
    toast(`The script ${script.name} is deleted.`)
  }
  return (
    <Confirm open onClose={onClose} title={`Delete the script ${script.name}`} act="Delete it" danger onConfirm={act}>
      <p>It is gone for everybody in {product}. What it did on devices, and its text at each run, stay in the audit log.</p>
    </Confirm>
  )
}

function NoScripts() {
  const { org, product } = useProduct()
  return (
    <Empty title="No scripts yet">
      <p>
        A script is Elixir code that somebody can run on a device with one click, and whose output comes back: the state of a modem, the last
        lines of a log, a service that is restarted. Each run is kept in the audit log. Make one above, or from a file:
      </p>
      <Command text={`nervecenter script create uptime uptime.exs ${productFlags(org, product)}`} />
      <p>It runs on one device with:</p>
      <Command text={`nervecenter script run IDENTIFIER uptime ${productFlags(org, product)}`} />
    </Empty>
  )
}
