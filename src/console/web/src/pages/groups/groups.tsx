/** The rollouts of a product: its deployment groups, one row each, with how far its release is. */
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { Group } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { atLeast, useRole } from '../../session/session'
import { Bar } from '../../ui/bar'
import { Button } from '../../ui/button'
import { Select, TextField } from '../../ui/form'
import { Command, Empty, Failure, Page, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { type Column, Pager, Table } from '../../ui/table'
import { count, counted, percent } from '../../ui/text'
import { productFlags } from '../../ui/shell-word'
import { Time } from '../../ui/time'
import { useTyped } from '../../ui/use-typed'
import { useGroupList } from '../firmware/queries'
import { conditionsText } from '../group/conditions'
import { listedSegments, listedStatus } from '../group/group-status'
import { pageNumber, paged } from '../../address/paged'
import { stepSentence } from '../group/step-words'
import { NewGroup } from './new-group'
import { ORDERS, type Order, matches, ordered } from './order'
import css from './groups.module.css'

type Search = { q: string; sort: Order; page: number }

/** What the address says of the list: `q`, `sort` and `page`. */
function useListSearch(): [Search, (changed: Partial<Search>) => void] {
  const raw = useSearch({ strict: false }) as Record<string, unknown>
  const navigate = useNavigate()
  const { org, product } = useProduct()
  const search: Search = {
    q: raw.q === undefined ? '' : String(raw.q),
    sort: ORDERS.find((o) => o.value === raw.sort)?.value ?? 'name',
    page: pageNumber(raw.page),
  }
  const change = (changed: Partial<Search>) => {
    const next = { ...search, page: 1, ...changed }
    const written = { q: next.q || undefined, sort: next.sort === 'name' ? undefined : next.sort, page: next.page > 1 ? next.page : undefined }
    void navigate({ ...paths.product(org, product, 'groups', written), replace: true })
  }
  return [search, change]
}

export default function Groups() {
  const { org, product } = useProduct()
  const may = atLeast(useRole(org), 'manage')
  const [search, change] = useListSearch()
  const [making, setMaking] = useState(false)
  const [text, setText] = useTyped(search.q, (q) => change({ q }))
  const groups = useGroupList(org, product, 'progress')
  const all = groups.data
  const found = useMemo(
    () =>
      ordered(
        (all ?? []).filter((g) => matches(g, search.q)),
        search.sort,
      ),
    [all, search.q, search.sort],
  )
  const shown = paged(found, search.page)
  const button = (
    <Button kind={all?.length === 0 ? 'primary' : undefined} disabled={!may} onClick={() => setMaking(true)}>
      New group
    </Button>
  )
  return (
    <Page
      title="Rollouts"
      heading={
        <>
          <h1>Rollouts</h1>
          {all && (
            <span className="muted num" aria-live="polite">
              {search.q && `${count(found.length)} of `}
              {counted(all.length, 'deployment group')}
            </span>
          )}
        </>
      }
      actions={
        all &&
        all.length > 0 && (
          <>
            {!may && <span className="small muted">A new group takes the role manage.</span>}
            {button}
          </>
        )
      }
    >
      {groups.error && <Failure error={groups.error} again={() => void groups.refetch()} />}
      {groups.isPending && <Skeleton lines={6} />}
      {all?.length === 0 && <NoGroup button={button} may={may} />}
      {all && all.length > 0 && (
        <>
          <div className={css.find}>
            <TextField
              label="Find"
              type="search"
              placeholder="Name, platform, version or tag"
              value={text}
              onChange={(e) => setText(e.target.value)}
            />
            <Select label="Order" value={search.sort} options={ORDERS} onChange={(sort) => change({ sort: sort as Order })} />
          </div>
          {found.length === 0 ? (
            <Empty title="No group matches">
              <code>{search.q}</code>
              <Button onClick={() => change({ q: '' })}>Clear</Button>
            </Empty>
          ) : (
            <List groups={shown.rows} />
          )}
          <Pager at={shown.pagination} onPage={(page) => change({ page })} />
        </>
      )}
      <NewGroup open={making} onClose={() => setMaking(false)} />
    </Page>
  )
}

function List({ groups }: { groups: readonly Group[] }) {
  const { org, product } = useProduct()
  const columns: Column<Group>[] = [
    { name: 'Name', names: true, cell: (g) => <Link {...paths.group(org, product, g.name)}>{g.name}</Link> },
    {
      name: 'Status',
      cell: (g) => {
        const status = listedStatus(g)
        return (
          <span title={g.progress ? stepSentence(g.progress.reason.sentence, g.progress.steps) : undefined}>
            <Status tone={status.tone}>{status.word}</Status>
          </span>
        )
      },
    },
    {
      name: 'Release',
      cell: (g) => (g.current_release ? <Release group={g} /> : <span className="muted">none</span>),
    },
    { name: 'Platform', cell: (g) => g.current_release?.firmware.platform ?? '–' },
    { name: 'Progress', cell: (g) => <Progress group={g} /> },
    { name: 'Devices', number: true, cell: (g) => count(g.device_count ?? 0) },
    { name: 'For', cell: (g) => <span className="muted">{conditionsText(g.conditions)}</span> },
  ]
  return <Table label="Deployment groups" rows={groups} rowKey={(g) => g.name} columns={columns} />
}

function Release({ group: g }: { group: Group }) {
  return (
    <>
      {g.current_release?.number}: <span className="mono">{g.current_release?.firmware.version}</span>{' '}
      <span className="small muted">
        <Time at={g.current_release?.inserted_at} />
      </span>
    </>
  )
}

function Progress({ group }: { group: Group }) {
  const p = group.progress
  if (!p || p.eligible === 0) return <span className="muted">–</span>
  return (
    <div className={css.progress}>
      <Bar label={`Release ${group.current_release?.number ?? ''}`} segments={listedSegments(p)} legend={false} />
      <span className="small num">
        {percent(p.updated, p.eligible)}
        {p.steps > 1 && (
          <span className="muted">
            {' '}
            step {p.step} of {p.steps}
          </span>
        )}
      </span>
    </div>
  )
}

function NoGroup({ button, may }: { button: React.ReactNode; may: boolean }) {
  const { org, product } = useProduct()
  return (
    <Empty title="No deployment group yet">
      <p>
        A deployment group says which devices get which firmware, and how fast: by platform, tags and the version that they run. Each release of it
        rolls out step by step, and stops when devices fail.
      </p>
      <Command text={`nervecenter deployment create production --firmware UUID ${productFlags(org, product)}`} />
      {button}
      {!may && <p className="small muted">Making one takes the role manage.</p>}
    </Empty>
  )
}
