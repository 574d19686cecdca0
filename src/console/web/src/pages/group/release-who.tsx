/** The second step of a release: which devices the group is for, and which of them get it. */
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { Button } from '../../ui/button'
import { count, counted } from '../../ui/text'
import { ConditionFields, conditionsOf, typedOf } from './conditions'
import { ForecastState, KeptOut, Matches, refusedAt, useDryRun, usePreview } from './forecast'
import { useGroupAddress } from './group-api'
import { PlaceCard, type PlaceProps } from './release-place'
import css from './group.module.css'

export function WhoPlace({ draft, change, group }: PlaceProps) {
  const at = useGroupAddress()
  const typed = draft.conditions ?? typedOf(group.conditions)
  const preview = usePreview(draft.firmware, conditionsOf(typed))
  const { dry } = useDryRun(at, { firmware: draft.firmware })
  return (
    <PlaceCard title="2 Who">
      <div className="stack-small">
        <h3>Devices in the group</h3>
        <ForecastState query={dry} />
        {dry.data && !dry.error && (
          <>
            <p>
              <strong className="num">{counted(dry.data.devices, 'device')}</strong> {dry.data.devices === 1 ? 'is' : 'are'} in it now;{' '}
              {count(dry.data.already)} {dry.data.already === 1 ? 'runs' : 'run'} <span className="mono">{dry.data.firmware.version}</span> already.
            </p>
            <KeptOut forecast={dry.data} />
          </>
        )}
      </div>
      <div className={css.pair}>
        <div className="stack-small">
          <h3>Its conditions</h3>
          <ConditionFields typed={typed} onChange={(conditions) => change({ conditions })} error={(field) => refusedAt(preview.error, field)} />
          {draft.conditions && (
            <div>
              <Button small onClick={() => change({ conditions: undefined })}>
                As the group has them
              </Button>
            </div>
          )}
        </div>
        <div className="stack-small">
          <h3>What they take</h3>
          <ForecastState query={preview} />
          {preview.data && !preview.error && <Matches forecast={preview.data} group={group.name} />}
          <p className="small muted">
            Devices that match but are elsewhere can be adopted, and those in it that do not match expelled, under{' '}
            <Link {...paths.group(at.org, at.product, at.group)}>Live, Strays</Link>.
          </p>
        </div>
      </div>
    </PlaceCard>
  )
}
