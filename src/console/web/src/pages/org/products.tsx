/** The products of an organization, with how their fleets are. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { useEveryPage } from '../../api/every-page'
import type { ProductGlance, Role } from '../../api/types'
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

/** Of how many products the devices are counted: the server may have to count each of them. */
const COUNTED = 200

export default function Products() {
  const { org = '' } = useAddress()
  const role = useRole(org)
  const [making, setMaking] = useState(false)
  const products = useQuery({
    queryKey: ['products', org],
    enabled: role !== null,
    queryFn: () => data(api.GET('/api/orgs/{org}/products', { params: { path: { org } } })),
  })
  const glances = useGlances(org, products.data?.length ?? 0)
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
        <PagedTable label="Products" rows={products.data} rowKey={(p) => p.name} textOf={(p) => p.name} columns={columns(org, glances)} />
      )}
      <Dialog open={making} onClose={() => setMaking(false)} title="New product">
        <NewProduct org={org} onClose={() => setMaking(false)} />
      </Dialog>
    </Page>
  )
}

/** How each fleet is; null where there are too many products to ask for all. */
function useGlances(org: string, products: number): Map<string, ProductGlance> | null {
  const few = products <= COUNTED
  const all = useEveryPage<ProductGlance>({
    queryKey: ['org-summary', org],
    enabled: few && products > 0,
    every: 15_000,
    size: 50,
    rowKey: byProduct,
    read: (query, signal) => take(api.GET('/api/orgs/{org}/summary', { params: { path: { org }, query }, signal })),
  })
  return few ? new Map((all.data ?? []).map((glance) => [glance.product, glance])) : null
}

function byProduct(glance: ProductGlance): string {
  return glance.product
}

function columns(org: string, glances: Map<string, ProductGlance> | null): Column<Product>[] {
  const of = (p: Product) => glances?.get(p.name)
  const counts: Column<Product>[] = [
    { name: 'Devices', number: true, cell: (p) => count(of(p)?.devices) },
    { name: 'Connected', number: true, cell: (p) => connected(of(p)) },
    { name: 'Unhealthy', number: true, cell: (p) => count(of(p)?.health.unhealthy) },
    { name: 'Updating', number: true, cell: (p) => count(of(p)?.inflight) },
    { name: 'Rollouts', cell: (p) => <Rollouts glance={of(p)} /> },
    { name: 'Needs you', cell: (p) => <Needs glance={of(p)} /> },
  ]
  return [
    { name: 'Product', names: true, cell: (p) => <Link {...paths.product(org, p.name)}>{p.name}</Link> },
    ...(glances ? counts : []),
    { name: 'Takes firmware of', cell: (p) => p.allowed_update_tools.join(', ') },
    { name: 'Actions', number: true, cell: (p) => <Link {...paths.settings(org, p.name)} aria-label={`Settings of ${p.name}`}>Settings</Link> },
  ]
}

function connected(glance: ProductGlance | undefined): string {
  return glance ? percent(glance.connection.connected ?? 0, glance.devices) : '–'
}

/** Releases that are not everywhere yet, by what they do. */
function Rollouts({ glance }: { glance: ProductGlance | undefined }) {
  if (!glance) return <span className="muted">–</span>
  const said = ['stopped', 'paused', 'running', 'aborted'].filter((state) => glance.rollouts[state])
  if (said.length === 0) return <span className="muted">none</span>
  return <span className="num">{said.map((state) => `${count(glance.rollouts[state])} ${state}`).join(', ')}</span>
}

function Needs({ glance }: { glance: ProductGlance | undefined }) {
  if (!glance) return <span className="muted">–</span>
  const { error = 0, warning = 0 } = glance.attention
  if (error + warning === 0) return <Status tone="ok">nothing</Status>
  return <Status tone={error > 0 ? 'bad' : 'warn'}>{count(error + warning)}</Status>
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
