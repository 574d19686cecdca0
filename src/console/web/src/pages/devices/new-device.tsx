/** Makes a device before it connects. */
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, take } from '../../api/client'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { TextField, useForm } from '../../ui/form'

export function NewDevice({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="New device">
      <Make onClose={onClose} />
    </Dialog>
  )
}

function Make({ onClose }: { onClose: () => void }) {
  const { org, product } = useProduct()
  const navigate = useNavigate()
  const [identifier, setIdentifier] = useState('')
  const [description, setDescription] = useState('')
  const [tags, setTags] = useState('')
  const form = useForm(async () => {
    const body = { identifier, description: description || undefined, tags: tagsOf(tags) }
    await take(api.POST('/api/orgs/{org}/products/{product}/devices', { params: { path: { org, product } }, body: body as never }))
    await queries.invalidateQueries({ queryKey: ['devices', org, product] })
    onClose()
    await navigate(paths.device(org, product, identifier))
  }, ['identifier', 'description', 'tags'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Identifier"
        hint="What the device calls itself: its serial number, as a rule. A device that connects with the product's secret makes itself."
        required
        autoFocus
        mono
        value={identifier}
        error={form.error('identifier')}
        onChange={(e) => setIdentifier(e.target.value)}
      />
      <TextField label="Description" value={description} error={form.error('description')} onChange={(e) => setDescription(e.target.value)} />
      <TextField label="Tags" hint="With commas between them." value={tags} error={form.error('tags')} onChange={(e) => setTags(e.target.value)} />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Make it
        </Button>
      </DialogButtons>
    </form>
  )
}

/** The tags of a text with commas. */
export function tagsOf(text: string): string[] {
  return text
    .split(',')
    .map((t) => t.trim())
    .filter(Boolean)
}
