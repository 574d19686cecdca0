/** Makes a token and shows it once, with the lines that use it. */
import { useState } from 'react'
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { SelectField, TextField, useForm } from '../../ui/form'
import { ShownOnce } from '../../ui/shown-once'
import type { Minted } from '../org/parts/types'
import { MadeToken } from './made-token'
import { ACCESS } from './token-table'

/** What the API is asked for. */
export type Asked = { note: string; access: string; product?: string; expires_in_days?: number }

const LIVES = [
  { value: '7', label: 'in a week' },
  { value: '30', label: 'in 30 days' },
  { value: '90', label: 'in 90 days' },
  { value: '365', label: 'in a year' },
  { value: '', label: 'never' },
]

type Props = {
  open: boolean
  onClose: () => void
  make: (asked: Asked) => Promise<Minted>
  /** Products that it can be limited to, as `org/product`. */
  products: readonly string[]
  /** The organization of the lines that use it, where there is one only. */
  org?: string | undefined
  title?: string
}

export function NewToken({ open, onClose, make, products, org, title = 'New token' }: Props) {
  const [made, setMade] = useState<Minted | null>(null)
  const close = () => {
    setMade(null)
    onClose()
  }
  return (
    // An answer that comes after the dialog was closed opens it again: the token would be lost.
    <ShownOnce open={open || made !== null} once={made !== null} onClose={close} title={made ? 'Your new token' : title} wide={made !== null}>
      {made ? <MadeToken made={made} org={org} onDone={close} /> : open && <Make make={make} products={products} onMade={setMade} onClose={close} />}
    </ShownOnce>
  )
}

type MakeProps = Pick<Props, 'make' | 'products' | 'onClose'> & { onMade: (made: Minted) => void }

function Make({ make, products, onMade, onClose }: MakeProps) {
  const [note, setNote] = useState('')
  const [access, setAccess] = useState('full')
  const [product, setProduct] = useState('')
  const [days, setDays] = useState('90')
  const form = useForm(async () => {
    onMade(await make({ note, access, ...(product && { product }), ...(days && { expires_in_days: Number(days) }) }))
  }, ['note', 'access', 'product', 'expires_in_days'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="What it is for"
        required
        autoFocus
        maxLength={255}
        value={note}
        error={form.error('note')}
        onChange={(e) => setNote(e.target.value)}
        placeholder="release pipeline"
      />
      <SelectField
        label="It may do"
        options={Object.entries(ACCESS).map(([value, label]) => ({ value, label }))}
        value={access}
        error={form.error('access')}
        onChange={setAccess}
      />
      <SelectField
        label="In"
        hint="With one product, everything else is as if it were not there."
        options={[{ value: '', label: 'all products' }, ...products.map((name) => ({ value: name, label: name }))]}
        value={product}
        error={form.error('product')}
        onChange={setProduct}
      />
      <SelectField label="It ends" options={LIVES} value={days} error={form.error('expires_in_days')} onChange={setDays} />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Make it
        </Button>
      </DialogButtons>
    </form>
  )
}
