/** The products of an organization, with how their fleets are. */
import { useQueries, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data } from '../../api/client'
import type { Role, Summary } from '../../api/types'
import { summaryKey } from '../../live/live'
import { paths } from '../../paths'
import { useAddress } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Lost } from '../../shell/lost'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { TextField, useForm } from '../../ui/form'
import { Command, Empty, Failure, Page, Skeleton } from '../../ui/layout'
import { shellWord } from '../../ui/shell-word'
import { Status } from '../../ui/status'
import type { Column } from '../../ui/table'
import { count, percent } from '../../ui/text'
import { PagedTable } from './parts/paged-table'
import { RoleNote } from '../../ui/role-note'
import type { Product } from './parts/types'

/** Of how many products the devices are counted: each is a question to the server. */
const COUNTED = 10

export default function Products() {
  const { org = '' } = useAddress()
  const role = useRole(org)
  const [making, setMaking] = useState(false)
  const products = useQuery({
    queryKey: ['products', org],
    enabled: role !== null,
    queryFn: () => data(api.GET('/api/orgs/{org}/products', { params: { path: { org } } })),
  })
  const summaries = useSummaries(org, products.data ?? [])
  if (role === null) return <Lost />
  const may = atLeast(role, 'admin')
  return (
    <Page
      title={`Products of ${org}`}
      heading={
        <>
          <h1>Products of {org}</h1>
          <span className="small muted">your role: {role}</span>
        </>
      }
      actions={
        products.data?.length !== 0 && (
          <Button disabled={!may} onClick={() => setMaking(true)}>
            New product
          </Button>
        )
      }
    >
      <RoleNote org={org} needs="admin" what="To make a product" />
      {products.error && <Failure error={products.error} again={() => void products.refetch()} />}
      {products.isPending && <Skeleton lines={4} />}
      {products.data?.length === 0 && <None org={org} role={role} onMake={() => setMaking(true)} />}
      {products.data && products.data.length > 0 && (
        <PagedTable label="Products" rows={products.data} rowKey={(p) => p.name} textOf={(p) => p.name} columns={columns(org, summaries)} />
      )}
      <Dialog open={making} onClose={() => setMaking(false)} title="New product">
        <NewProduct org={org} onClose={() => setMaking(false)} />
      </Dialog>
    </Page>
  )
}

/** How each fleet is; null where there are too many products to ask for all. */
function useSummaries(org: string, products: readonly Product[]): Map<string, Summary | undefined> | null {
  const few = products.length <= COUNTED
  const answers = useQueries({
    queries: (few ? products : []).map(({ name: product }) => ({
      queryKey: summaryKey(org, product),
      refetchInterval: 15_000,
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        data(api.GET('/api/orgs/{org}/products/{product}/summary', { params: { path: { org, product } }, signal })),
    })),
  })
  return few ? new Map(products.map((p, i) => [p.name, answers[i]?.data])) : null
}

function columns(org: string, summaries: Map<string, Summary | undefined> | null): Column<Product>[] {
  const of = (p: Product) => summaries?.get(p.name)
  const counts: Column<Product>[] = [
    { name: 'Devices', number: true, cell: (p) => count(of(p)?.devices) },
    { name: 'Online', number: true, cell: (p) => online(of(p)) },
    { name: 'Updating', number: true, cell: (p) => count(of(p)?.inflight) },
    { name: 'Needs you', cell: (p) => <Needs summary={of(p)} /> },
  ]
  return [
    { name: 'Product', names: true, cell: (p) => <Link {...paths.product(org, p.name)}>{p.name}</Link> },
    ...(summaries ? counts : []),
    { name: 'Takes firmware of', cell: (p) => p.allowed_update_tools.join(', ') },
    { name: 'Actions', number: true, cell: (p) => <Link {...paths.settings(org, p.name)} aria-label={`Settings of ${p.name}`}>Settings</Link> },
  ]
}

function online(summary: Summary | undefined): string {
  return summary ? percent(summary.connection.connected ?? 0, summary.devices) : '–'
}

function Needs({ summary }: { summary: Summary | undefined }) {
  if (!summary) return <span className="muted">–</span>
  const { attention } = summary
  if (attention.length === 0) return <Status tone="ok">nothing</Status>
  return <Status tone={attention.some((a) => a.severity === 'error') ? 'bad' : 'warn'}>{count(attention.length)}</Status>
}

function None({ org, role, onMake }: { org: string; role: Role; onMake: () => void }) {
  return (
    <Empty title="No product yet">
      <p>
        A product is one kind of device with its firmware: a thermostat, a gateway. Devices, firmware and deployment groups belong to it, and
        its name is that of the application in the firmware's mix.exs. From a terminal it is made so:
      </p>
      <Command text={`nervecenter product create thermostat --org ${shellWord(org)}`} />
      <Button kind="primary" disabled={!atLeast(role, 'admin')} onClick={onMake}>
        New product
      </Button>
    </Empty>
  )
}

function NewProduct({ org, onClose }: { org: string; onClose: () => void }) {
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const form = useForm(async () => {
    const made = await data(api.POST('/api/orgs/{org}/products', { params: { path: { org } }, body: { name } }))
    await queries.invalidateQueries({ queryKey: ['products', org] })
    onClose()
    await navigate(paths.product(org, made.name))
  }, ['name'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Name"
        hint="As its firmware names it: meta-product, the name of the application in mix.exs. It cannot be changed later."
        required
        autoFocus
        value={name}
        error={form.error('name')}
        onChange={(e) => setName(e.target.value)}
        placeholder="thermostat"
      />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Make it
        </Button>
      </DialogButtons>
    </form>
  )
}
