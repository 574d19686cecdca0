/** "Why is it not updating?" in one sentence, with all rules that the server looked at on demand. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data } from '../../api/client'
import type { Why } from '../../api/types'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { Failure } from '../../ui/layout'
import { Status, type Tone } from '../../ui/status'
import { Table } from '../../ui/table'
import { Time } from '../../ui/time'
import { D, EVERY, deviceKey, useDevice, useDeviceAddress, useMayManage } from './device'
import { PenaltyQuestion } from './penalty'
import { Sentence } from './sentence'
import css from './device.module.css'

/** The rules in words, by the names that the API gives them. */
const RULES: Record<string, string> = {
  not_deleted: 'The device is not deleted',
  has_group: 'It is in a deployment group',
  group_is_on: 'The group is on',
  has_release: 'The group has a release',
  rollout_runs: 'The release is being rolled out',
  limits: 'The limits of the group leave room',
  maintenance_window: 'Its maintenance window is open',
  file_is_sound: 'The stored file is sound',
  runs_other_firmware: 'It runs another firmware than the release',
  updates_enabled: 'Its automatic updates are on',
  nothing_in_flight: 'No update is under way',
  not_blocked: 'It is not in the penalty box',
  firmware_validated: 'It marked its present firmware as good',
  connected: 'It is connected',
  fwup_is_new_enough: 'Its fwup is new enough',
  release_tags: 'It has the tags of the release',
  network_interface: 'Its network is one that the release is for',
  rollout_step: 'The present step of the rollout is for it',
  attempts_left: 'It has attempts left',
  delta_is_ready: 'The file that it gets is ready',
  slot_is_free: 'A slot of the group is free',
}

function toneOf(why: Why): Tone {
  switch (why.rule) {
    case null:
      return 'running'
    case 'runs_other_firmware':
      return 'ok'
    case 'nothing_in_flight':
      return 'running'
    case 'updates_enabled':
    case 'group_is_on':
      return 'paused'
    case 'not_blocked':
    case 'firmware_validated':
    case 'fwup_is_new_enough':
      return 'warn'
    case 'file_is_sound':
      return 'bad'
    case 'rollout_runs':
      return why.value === 'paused' ? 'paused' : 'bad'
    default:
      return 'waiting'
  }
}

export function WhyLine() {
  const at = useDeviceAddress()
  const [open, setOpen] = useState(false)
  const why = useQuery({
    queryKey: deviceKey(at, 'why'),
    refetchInterval: EVERY,
    queryFn: ({ signal }) => data(api.GET(`${D}/why`, { params: { path: at }, signal })),
  })
  if (why.error) return <Failure error={why.error} again={() => void why.refetch()} />
  if (!why.data) return <p className="muted">Looking why it is or is not updated…</p>
  return (
    <div className={css.why}>
      <span className="small muted">Why is it not updating?</span>
      <span aria-live="polite">
        <Sentence tone={toneOf(why.data)}>{why.data.sentence}</Sentence>
      </span>
      {why.data.until && (
        <span className="small muted">
          until <Time at={why.data.until} />
        </span>
      )}
      {why.data.rule === 'not_blocked' && <LetOut />}
      <Button small kind="plain" onClick={() => setOpen(true)}>
        All rules
      </Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={`Rules of an update for ${at.device}`} wide>
        <Rules why={why.data} />
        <DialogButtons>
          <Button onClick={() => setOpen(false)}>Close</Button>
        </DialogButtons>
      </Dialog>
    </div>
  )
}

/** The way out of the penalty box stands beside the reason. */
function LetOut() {
  const { may, note } = useMayManage()
  const device = useDevice().data
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button small disabled={!may} title={note} onClick={() => setOpen(true)}>
        Let it out…
      </Button>
      <PenaltyQuestion until={device?.updates_blocked_until ?? null} open={open} onClose={() => setOpen(false)} />
    </>
  )
}

function Rules({ why }: { why: Why }) {
  return (
    <>
      <p>The server looks at these in order before it offers the release of the group. The first that does not hold is the reason.</p>
      <Table
        label="Rules of an update"
        rows={why.checks}
        rowKey={(c) => c.rule}
        columns={[
          { name: 'Rule', names: true, cell: (c) => RULES[c.rule] ?? c.rule.replaceAll('_', ' ') },
          { name: 'Holds', cell: (c) => <Status tone={c.ok ? 'ok' : c.rule === why.rule ? 'bad' : 'warn'}>{c.ok ? 'yes' : 'no'}</Status> },
          { name: 'Found', cell: (c) => (c.value ? <span>{c.value}</span> : <span className="muted">–</span>) },
        ]}
      />
    </>
  )
}
