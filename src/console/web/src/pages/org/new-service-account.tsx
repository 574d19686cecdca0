/** Makes an account for a program. */
import { useState } from 'react'
import { api, data } from '../../api/client'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { SelectField, TextField, useForm } from '../../ui/form'

const OPTIONS = [
  { value: 'view', label: 'view: read' },
  { value: 'manage', label: 'manage: also change devices, groups and firmware' },
  { value: 'admin', label: 'admin: also members and products' },
]

export function NewServiceAccount({ org, onClose, onMade }: { org: string; onClose: () => void; onMade: (name: string) => void }) {
  const [name, setName] = useState('')
  const [role, setRole] = useState('manage')
  const form = useForm(async () => {
    const body = { name: name.trim(), role: role as never }
    const made = await data(api.POST('/api/orgs/{org}/service_accounts', { params: { path: { org } }, body }))
    await queries.invalidateQueries({ queryKey: ['service-accounts', org] })
    onMade(made.name)
  }, ['name', 'role'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Name"
        hint="What the audit log calls it."
        required
        autoFocus
        value={name}
        error={form.error('name')}
        onChange={(e) => setName(e.target.value)}
        placeholder="release-pipeline"
      />
      <SelectField label="Role" options={OPTIONS} value={role} error={form.error('role')} onChange={setRole} />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Add it
        </Button>
      </DialogButtons>
    </form>
  )
}
