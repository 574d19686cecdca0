/** Makes a deployment group, and says before which devices it would take. */
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, take } from '../../api/client'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { SelectField, TextField, useForm } from '../../ui/form'
import { Notice } from '../../ui/layout'
import { useFirmwares } from '../firmware/queries'
import { ConditionFields, EVERYBODY, conditionsOf } from '../group/conditions'
import { ForecastState, Matches, refusedAt, usePreview } from '../group/forecast'

export function NewGroup({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="New deployment group" wide>
      <Make onClose={onClose} />
    </Dialog>
  )
}

function Make({ onClose }: { onClose: () => void }) {
  const { org, product } = useProduct()
  const navigate = useNavigate()
  const firmwares = useFirmwares(org, product)
  const [name, setName] = useState('')
  const [firmware, setFirmware] = useState('')
  const [typed, setTyped] = useState(EVERYBODY)
  const conditions = conditionsOf(typed)
  const preview = usePreview(firmware, conditions)
  const form = useForm(async () => {
    const body = { name: name.trim(), firmware, conditions }
    await take(api.POST('/api/orgs/{org}/products/{product}/deployments', { params: { path: { org, product } }, body }))
    await queries.invalidateQueries({ queryKey: ['groups', org, product] })
    onClose()
    await navigate(paths.group(org, product, name.trim()))
  }, ['name', 'firmware', 'deployment_releases.0.firmware', 'conditions.version', 'conditions.tags'])
  const options = [
    { value: '', label: firmwares.isPending ? 'Loading' : 'Choose one', disabled: true },
    ...(firmwares.data ?? []).map((f) => ({ value: f.uuid, label: `${f.version} for ${f.platform} (${f.uuid.slice(0, 8)})` })),
  ]
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      {firmwares.data?.length === 0 && (
        <Notice kind="warn">The product has no firmware yet. Upload one first; a group begins with a release of it.</Notice>
      )}
      <TextField
        label="Name"
        required
        autoFocus
        value={name}
        error={form.error('name')}
        onChange={(e) => setName(e.target.value)}
        placeholder="eu-production"
      />
      <SelectField
        label="Firmware of its first release"
        hint="The group is for the platform and architecture of this firmware from then on."
        value={firmware}
        error={form.error('firmware')}
        onChange={setFirmware}
        options={options}
      />
      <ConditionFields typed={typed} onChange={setTyped} error={(field) => refusedAt(preview.error, field) ?? form.error(field)} />
      {firmware && <ForecastState query={preview} />}
      {firmware && preview.data && !preview.error && <Matches forecast={preview.data} />}
      <p className="small muted">The group is off when it is made: look at its settings first, then switch it on.</p>
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy} disabled={!firmware || !name.trim()}>
          Make it
        </Button>
      </DialogButtons>
    </form>
  )
}
