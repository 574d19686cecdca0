/** The last step of a release: what it would do, and the name that has to be typed to make it. */
import { useState } from 'react'
import { Problem } from '../../api/problem'
import type { Group } from '../../api/types'
import { Button } from '../../ui/button'
import { Check, TextField, useForm } from '../../ui/form'
import { Facts, Notice } from '../../ui/layout'
import { toast } from '../../ui/toast'
import { bytes, count, counted } from '../../ui/text'
import { conditionsOf, conditionsText } from './conditions'
import { ForecastState, ForecastSteps, KeptOut, useDryRun } from './forecast'
import { useArchives, useFirmwares } from '../firmware/queries'
import { type GroupAddress, changeGroup, useGroupAddress } from './group-api'
import { PlaceCard, type PlaceProps } from './release-place'
import { ChangedSettings, namesOf } from './release-changes'
import { type Draft, changesOf, leftOut, proposalOf } from './release-draft'

type Props = PlaceProps & { may: boolean; fine: boolean; onDone: () => Promise<void> }

/**
 * Settings come first and in a request of their own: a release takes over the workflow that its group has when it is made, and a
 * request with a firmware in it changes no settings. So a refusal says what was done before it and stays.
 */
async function makeRelease(at: GroupAddress, draft: Draft, changes: Record<string, unknown>): Promise<Group> {
  const changed = Object.keys(changes).length > 0
  if (changed) await changeGroup(at, changes)
  const release = {
    firmware: draft.firmware,
    ...(draft.archive && { archive: draft.archive }),
    ...(draft.description && { description: draft.description }),
    ...(draft.notes && { notes: draft.notes }),
  }
  const stays = changed ? `There is no release, but these settings of the group stay changed: ${namesOf(changes)}.` : ''
  const released = await changeGroup(at, release).catch((e: unknown) => refuse(e, stays))
  if (!draft.on || released.is_active) return released
  return changeGroup(at, { is_active: true }).catch((e: unknown) => refuse(e, 'The release is made; the group is still off, so it waits.'))
}

/** Hands on what was refused, with what stays as it was done before. */
function refuse(e: unknown, stays: string): never {
  const message = e instanceof Error ? e.message : String(e)
  throw new Problem(e instanceof Problem ? e.status : 0, [message.replace(/[^.]$/, '$&.'), stays].filter(Boolean).join(' '))
}

export function CheckPlace({ draft, change, group, may, fine, onDone }: Props) {
  const at = useGroupAddress()
  const changes = changesOf(draft, group)
  const { dry, current } = useDryRun(at, proposalOf(draft, changes))
  const [name, setName] = useState('')
  const form = useForm(async () => {
    const released = await makeRelease(at, draft, changes)
    toast(`Release ${released.current_release?.number ?? ''} of ${group.name} is made.`)
    await onDone()
  })
  const f = dry.data
  return (
    <PlaceCard title="4 Check">
      <WhatIsReleased draft={draft} group={group} />
      <ForecastState query={dry} />
      {f && !dry.error && (
        <>
          <p aria-live="polite">
            <strong className="num">
              {counted(
                f.steps.reduce((sum, s) => sum + s.devices, 0),
                'device',
              )}
            </strong>{' '}
            of {count(f.devices)} would be updated, with {bytes(f.bytes)} in all; {count(f.already)} {f.already === 1 ? 'runs' : 'run'} it already.
          </p>
          {f.warnings.map((w) => (
            <Notice key={w} kind="warn">
              {w}
            </Notice>
          ))}
          <ForecastSteps forecast={f} />
          <KeptOut forecast={f} />
          <p className="small muted">
            Times are the earliest; what people do and how fast devices are, nobody knows before. {leftOut(changes).join(' ')}
          </p>
        </>
      )}
      <form className="stack-small" onSubmit={form.submit}>
        <ChangedSettings changes={changes} group={group} />
        {!group.is_active && (
          <Check label="Switch the group on" hint="It is off now, so the release would wait." checked={draft.on} onChange={(on) => change({ on })} />
        )}
        {form.problem}
        <TextField
          label={
            <>
              Type <code>{group.name}</code> to release
            </>
          }
          autoComplete="off"
          disabled={!may}
          value={name}
          onChange={(e) => setName(e.target.value)}
        />
        <div className="row">
          <Button type="submit" kind="primary" busy={form.busy} disabled={!may || !fine || !current || name !== group.name}>
            Release
          </Button>
          {!may && <span className="small muted">Releasing takes the role manage.</span>}
          {!current && (
            <span className="small muted">{dry.error ? 'Releasing waits for a forecast that succeeds.' : 'The forecast is being made.'}</span>
          )}
          {!fine && <span className="small muted">The workflow has mistakes; step 3 names them.</span>}
        </div>
      </form>
    </PlaceCard>
  )
}

function WhatIsReleased({ draft, group }: { draft: Draft; group: Group }) {
  const { org, product } = useGroupAddress()
  const firmware = useFirmwares(org, product).data?.find((f) => f.uuid === draft.firmware)
  const archive = useArchives(org, product).data?.find((a) => a.uuid === draft.archive)
  const conditions = draft.conditions ? conditionsOf(draft.conditions) : group.conditions
  return (
    <Facts
      rows={[
        [
          'Firmware',
          firmware ? (
            <span className="mono">{`${firmware.version} for ${firmware.platform} (${firmware.uuid.slice(0, 8)})`}</span>
          ) : (
            draft.firmware.slice(0, 8)
          ),
        ],
        ['Archive', draft.archive ? (archive?.version ?? draft.archive.slice(0, 8)) : 'none'],
        ['Description', draft.description],
        ['Group', group.name],
        ['For', conditionsText(conditions)],
        ['Follows on', group.current_release ? `release ${group.current_release.number}, ${group.current_release.firmware.version}` : 'nothing'],
      ]}
    />
  )
}
