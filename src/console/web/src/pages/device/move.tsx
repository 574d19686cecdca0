/** Moves a device to another product, of this organization or another. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { paths } from '../../paths'
import { queries, useSession } from '../../session/session'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { SelectField, TextField, useForm } from '../../ui/form'
import { toast } from '../../ui/toast'
import { D, useDeviceAddress } from './device'

export function MoveDevice({ open, onClose }: { open: boolean; onClose: () => void }) {
  const at = useDeviceAddress()
  return (
    <Dialog open={open} onClose={onClose} title={`Move ${at.device} to another product`}>
      <Move onClose={onClose} />
    </Dialog>
  )
}

function Move({ onClose }: { onClose: () => void }) {
  const at = useDeviceAddress()
  const navigate = useNavigate()
  const { orgs } = useSession()
  const [org, setOrg] = useState(at.org)
  const [product, setProduct] = useState('')
  const [typed, setTyped] = useState('')
  const products = useQuery({
    queryKey: ['products', org],
    queryFn: () => data(api.GET('/api/orgs/{org}/products', { params: { path: { org } } })),
  })
  const form = useForm(async () => {
    await data(api.POST(`${D}/move`, { params: { path: at }, body: { new_org_name: org, new_product_name: product } }))
    onClose()
    toast(`${at.device} is in ${product} now.`)
    await navigate(paths.device(org, product, at.device))
    await queries.invalidateQueries({ queryKey: ['devices'] })
  }, ['new_org_name', 'new_product_name'])
  const targets = (products.data ?? []).filter((p) => org !== at.org || p.name !== at.product)
  const options = targets.map((p) => ({ value: p.name, label: p.name }))
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <p>
        The device leaves its deployment group, an update that is under way ends, and it connects again in the new product. Its history, certificates
        and settings go with it. The key that signed its firmware is added to the new organization, where it is not there yet.
      </p>
      <SelectField
        label="Organization"
        error={form.error('new_org_name')}
        options={orgs.map((o) => ({ value: o.name, label: o.name, disabled: o.role === 'view' }))}
        value={org}
        onChange={(name) => {
          setOrg(name)
          setProduct('')
        }}
        hint="Your role in it must be manage or higher."
      />
      <SelectField
        label="Product"
        error={form.error('new_product_name')}
        options={[{ value: '', label: products.isPending ? 'Loading' : options.length ? 'Choose one' : 'There is no other product' }, ...options]}
        value={product}
        onChange={setProduct}
      />
      <TextField
        label={
          <>
            Type <code>{at.device}</code> to go on
          </>
        }
        value={typed}
        onChange={(e) => setTyped(e.target.value)}
        autoComplete="off"
      />
      <DialogButtons>
        <Button onClick={onClose}>Keep it here</Button>
        <Button type="submit" kind="danger" disabled={!product || typed !== at.device} busy={form.busy}>
          Move it
        </Button>
      </DialogButtons>
    </form>
  )
}
