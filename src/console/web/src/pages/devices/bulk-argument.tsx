/** What actions on many devices take: tags, a deployment group, a firmware, or another product. */
import { useProduct } from '../../product'
import { SelectField, TextField } from '../../ui/form'
import { useFirmwares, useGroupList } from '../firmware/queries'
import type { BulkAction } from './bulk'

/** Stands for no group among the groups, which are never called so. */
export const NO_GROUP = '\u0000'

export function Argument({ action, text, onChange }: { action: BulkAction; text: string; onChange: (text: string) => void }) {
  if (action === 'group') return <GroupArgument text={text} onChange={onChange} />
  if (action === 'firmware') return <FirmwareArgument text={text} onChange={onChange} />
  if (action === 'move') {
    return (
      <TextField
        label="To"
        hint="Organization and product with a slash between. You need the role manage there as well. Devices lose their deployment group."
        placeholder="acme/thermostat"
        autoFocus
        value={text}
        onChange={(e) => onChange(e.target.value)}
      />
    )
  }
  return <TextField label="Tags" hint="With commas between them." autoFocus value={text} onChange={(e) => onChange(e.target.value)} />
}

function GroupArgument({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const { org, product } = useProduct()
  const groups = useGroupList(org, product)
  const options = [
    { value: '', label: 'Choose one', disabled: true },
    { value: NO_GROUP, label: 'No group: take them out of theirs' },
    ...(groups.data ?? []).map((g) => ({ value: g.name, label: g.name })),
  ]
  return <SelectField label="Deployment group" options={options} value={text} onChange={onChange} />
}

function FirmwareArgument({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const { org, product } = useProduct()
  const firmware = useFirmwares(org, product)
  const options = [
    { value: '', label: 'Choose one' },
    ...(firmware.data ?? []).map((f) => ({ value: f.uuid, label: `${f.version} ${f.platform} ${f.architecture}` })),
  ]
  return (
    <SelectField
      label="Firmware"
      hint="It is sent whole and at once, past the steps and limits of deployment groups. A release is the safer way."
      options={options}
      value={text}
      onChange={onChange}
    />
  )
}
