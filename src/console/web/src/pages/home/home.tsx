/** The organizations of the person; with none it greets and makes the first. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { paths } from '../../paths'
import { usePreferences } from '../../session/preferences'
import { queries, useSession } from '../../session/session'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { TextField, useForm } from '../../ui/form'
import { toastProblem } from '../../ui/toast'
import { Card, Empty, Failure, Page, Skeleton, gridClass } from '../../ui/layout'

export default function Home() {
  const { user, orgs } = useSession()
  const { last } = usePreferences()
  const [making, setMaking] = useState(false)
  if (orgs.length === 0) {
    return (
      <Page title="Welcome">
        <Empty title={`Welcome, ${user.name}`}>
          <p>
            Devices belong to a product, and products to an organization: a company or a team. Make the first of both here; you will be
            its administrator. Or ask somebody who runs an organization on this server to invite {user.email}.
          </p>
          <NewOrg />
        </Empty>
      </Page>
    )
  }
  return (
    <Page title="Organizations" actions={<Button onClick={() => setMaking(true)}>New organization</Button>}>
      {last && orgs.some((o) => last.startsWith(o.name + '/')) && (
        <p>
          Last looked at: <Link {...paths.product(...(split(last) as [string, string]))}>{last}</Link>
        </p>
      )}
      <div className={gridClass}>
        {orgs.map((org) => (
          <Org key={org.name} name={org.name} role={org.role} />
        ))}
      </div>
      <Dialog open={making} onClose={() => setMaking(false)} title="New organization">
        <NewOrg onCancel={() => setMaking(false)} />
      </Dialog>
    </Page>
  )
}

function split(text: string): string[] {
  const at = text.indexOf('/')
  return [text.slice(0, at), text.slice(at + 1)]
}

function Org({ name, role }: { name: string; role: string }) {
  const products = useQuery({
    queryKey: ['products', name],
    queryFn: () => data(api.GET('/api/orgs/{org}/products', { params: { path: { org: name } } })),
  })
  return (
    <Card title={name} actions={<span className="muted small">your role: {role}</span>}>
      {products.error && <Failure error={products.error} again={() => void products.refetch()} />}
      {products.isPending && <Skeleton />}
      <ul className="stack-small">
        {products.data?.slice(0, 8).map((p) => (
          <li key={p.name}>
            <Link {...paths.product(name, p.name)}>{p.name}</Link>
          </li>
        ))}
      </ul>
      <p className="small" style={{ marginBlockStart: 12 }}>
        <Link {...paths.org(name)}>{products.data && products.data.length > 8 ? `All ${products.data.length} products` : 'Products'}</Link>
        {' · '}
        <Link {...paths.orgSettings(name)}>Members and keys</Link>
      </p>
    </Card>
  )
}

/** The first organization is made on the page itself, where there is nothing to go back to. */
function NewOrg({ onCancel }: { onCancel?: () => void }) {
  const navigate = useNavigate()
  const [name, setName] = useState('')
  const [product, setProduct] = useState('')
  const form = useForm(async () => {
    await take(api.POST('/api/orgs', { body: { name } }))
    try {
      if (product) await take(api.POST('/api/orgs/{org}/products', { params: { path: { org: name } }, body: { name: product } }))
      await navigate(product ? paths.product(name, product) : paths.org(name))
    } catch (e) {
      toastProblem(e)
      await navigate(paths.org(name))
    } finally {
      // Not before: the list of organizations takes the place of this form.
      await queries.invalidateQueries({ queryKey: ['session'] })
    }
  }, ['name'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField label="Organization" required autoFocus value={name} error={form.error('name')} onChange={(e) => setName(e.target.value)} placeholder="acme" />
      <TextField
        label="First product"
        hint="The product as its firmware names it: meta-product, the name of the application in mix.exs. It can be made later."
        value={product}
        onChange={(e) => setProduct(e.target.value)}
        placeholder="thermostat"
      />
      <DialogButtons>
        {onCancel && <Button onClick={onCancel}>Cancel</Button>}
        <Button type="submit" kind="primary" busy={form.busy}>
          {product ? 'Make both' : 'Make it'}
        </Button>
      </DialogButtons>
    </form>
  )
}
