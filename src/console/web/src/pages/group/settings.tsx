/** Everything that can be set of a group, by what it is about. */
import { useNavigate } from '@tanstack/react-router'
import { paths } from '../../paths'
import { atLeast, useRole } from '../../session/session'
import { Skeleton } from '../../ui/layout'
import { changeGroup, useGroup, useGroupAddress } from './group-api'
import { ONLY, PENALTY, SAFETY, SPEED, WHAT, WHEN } from './settings-fields'
import { SectionCard, type Values } from './settings-section'
import { ConditionsCard, HealthCard, WindowCard, WorkflowCard } from './settings-special'

export default function Settings() {
  const at = useGroupAddress()
  const navigate = useNavigate()
  const may = atLeast(useRole(at.org), 'manage')
  const group = useGroup(at).data
  if (!group?.settings) return <Skeleton lines={8} />
  const s = group.settings
  const values: Values = { ...s, name: group.name, notes: group.notes, delta_updatable: group.delta_updatable }
  const save = async (changed: Values) => {
    const after = await changeGroup(at, changed)
    if (after.name !== at.group) await navigate({ ...paths.group(at.org, at.product, after.name, 'settings'), replace: true })
  }
  const common = { disabled: !may, save }
  return (
    <div className="stack" key={at.group}>
      <SectionCard section={WHAT} values={values} {...common} />
      <ConditionsCard value={group.conditions} firmware={group.firmware_uuid ?? ''} group={group.name} {...common} />
      <SectionCard section={ONLY} values={values} {...common} />
      <WorkflowCard value={s.workflow} {...common} />
      <SectionCard section={SPEED} values={values} {...common} />
      <SectionCard section={WHEN} values={values} {...common} />
      <WindowCard value={s.maintenance_window} {...common} />
      <SectionCard section={SAFETY} values={values} {...common} />
      <SectionCard section={PENALTY} values={values} {...common} />
      <HealthCard value={s.health_limits} {...common} />
    </div>
  )
}
