/** Which columns the list shows: as the address says, else as the person likes it. */
import { Columns3 } from 'lucide-react'
import { useState } from 'react'
import { useLive } from '../../live/live'
import { useProduct } from '../../product'
import { usePreferences, useSetPreferences } from '../../session/preferences'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { Check } from '../../ui/form'
import { DEFAULT_COLUMNS, deviceColumns } from './columns'

/** The columns: those of the address, else those that the person likes, else the usual ones. */
export function useColumns(cols: string[] | null): readonly string[] {
  const preferred = usePreferences().columns
  return cols ?? preferred ?? DEFAULT_COLUMNS
}

export function ColumnChooser({ shown, onChange }: { shown: readonly string[]; onChange: (cols: string[] | null) => void }) {
  const { org, product } = useProduct()
  const live = useLive(org, product)
  const [open, setOpen] = useState(false)
  const preferences = useSetPreferences()
  const all = deviceColumns(org, product, live)
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <Columns3 size={15} aria-hidden /> Columns
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title="Columns">
        {all.map((c) => (
          <Check
            key={c.id}
            label={c.name}
            checked={shown.includes(c.id)}
            disabled={c.id === 'identifier'}
            onChange={(on) => onChange(all.map((a) => a.id).filter((id) => (id === c.id ? on : shown.includes(id))))}
          />
        ))}
        <DialogButtons>
          <Button onClick={() => onChange(null)}>As usual</Button>
          <Button
            kind="primary"
            onClick={() => {
              preferences.mutate({ columns: [...shown] })
              setOpen(false)
            }}
          >
            Keep for me
          </Button>
        </DialogButtons>
      </Dialog>
    </>
  )
}
