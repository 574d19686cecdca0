/** Saved views: a query, order and columns under a name, for oneself or for everybody in the product. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { SavedView } from '../../api/types'
import { useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { Check, TextField, useForm } from '../../ui/form'
import { Menu, type MenuItem } from '../../ui/menu'
import { attempt } from '../../ui/toast'

const PAGE = 'devices'

export function Views({ search, onOpen }: { search: string; onOpen: (search: string) => void }) {
  const { org, product } = useProduct()
  const role = useRole(org)
  const [saving, setSaving] = useState(false)
  const key = ['views', org, product]
  const path = { org, product }
  const views = useQuery({
    queryKey: key,
    staleTime: 60_000,
    queryFn: () => data(api.GET('/api/orgs/{org}/products/{product}/views', { params: { path } })),
  })
  const mine = (views.data ?? []).filter((v: SavedView) => v.page === PAGE)
  const now = search.replace(/^\?/, '')
  const current = mine.find((v) => v.search === now)
  const remove = (view: SavedView) =>
    attempt(`The view "${view.name}" is gone.`, async () => {
      const at = { params: { path: { ...path, view: String(view.id) } } }
      await take(api.DELETE('/api/orgs/{org}/products/{product}/views/{view}', at as never))
      await queries.invalidateQueries({ queryKey: key })
    })
  const items: MenuItem[] = [
    { label: 'All devices', onSelect: () => onOpen('') },
    ...mine.map((v) => ({ label: v.name, note: v.own ? (v.shared ? 'shared' : '') : `by ${v.owner}`, onSelect: () => onOpen(v.search) })),
    'separator',
    { label: 'Save this view…', onSelect: () => setSaving(true), disabled: !now },
    ...(current && (current.own || role === 'admin')
      ? [{ label: `Delete "${current.name}"`, danger: true, onSelect: () => void remove(current) }]
      : []),
  ]
  return (
    <>
      <Menu label="Saved views" items={items}>
        {current ? current.name : now ? 'Unsaved view' : 'All devices'} ▾
      </Menu>
      <Dialog open={saving} onClose={() => setSaving(false)} title="Save this view">
        <Save search={now} mayShare={atLeast(role, 'manage')} onDone={() => setSaving(false)} />
      </Dialog>
    </>
  )
}

function Save({ search, mayShare, onDone }: { search: string; mayShare: boolean; onDone: () => void }) {
  const { org, product } = useProduct()
  const [name, setName] = useState('')
  const [shared, setShared] = useState(false)
  const form = useForm(async () => {
    const body = { name, page: PAGE, search, shared }
    await take(api.POST('/api/orgs/{org}/products/{product}/views', { params: { path: { org, product } }, body }))
    await queries.invalidateQueries({ queryKey: ['views', org, product] })
    onDone()
  }, ['name'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField label="Name" required autoFocus value={name} error={form.error('name')} onChange={(e) => setName(e.target.value)} placeholder="EU production" />
      {mayShare && <Check label="Shown to everybody in this organization" checked={shared} onChange={setShared} />}
      <DialogButtons>
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Save
        </Button>
      </DialogButtons>
    </form>
  )
}
