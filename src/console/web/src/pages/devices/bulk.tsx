/** Does something to many devices: chosen, then shown what it would do, then confirmed; more than was confirmed is never touched. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { api, data } from '../../api/client'
import { Problem } from '../../api/problem'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { SelectField, TextField } from '../../ui/form'
import { Notice, Skeleton } from '../../ui/layout'
import { count, counted } from '../../ui/text'
import { type BulkForm, type Preview, jobTitle, preview, start } from '../jobs/jobs'
import { tagsOf } from './new-device'

export type BulkAction = 'tags_add' | 'tags_remove' | 'group' | 'updates_on' | 'updates_off' | 'clear_penalty' | 'reboot' | 'reconnect' | 'firmware' | 'move' | 'delete'

/** Stands for no group among the groups, which are never called so. */
const NO_GROUP = '\u0000'
/** Above this number of devices the number is typed before anything is done. */
const TYPED_ABOVE = 25

type Props = {
  action: BulkAction
  /** Which devices: those that a query finds, or those that are named. */
  devices: { query: string; except?: string[] } | { identifiers: string[] }
  onClose: () => void
  onStarted: () => void
}

/** While it acts it stays: what the server answers must be seen. */
export function BulkDialog(props: Props) {
  const busy = useRef(false)
  return (
    <Dialog open onClose={() => !busy.current && props.onClose()} title={TITLES[props.action]}>
      <Steps {...props} onBusy={(now) => (busy.current = now)} />
    </Dialog>
  )
}

const TITLES: Record<BulkAction, string> = {
  tags_add: 'Add tags',
  tags_remove: 'Remove tags',
  group: 'Put into a deployment group',
  updates_on: 'Turn updates on',
  updates_off: 'Turn updates off',
  clear_penalty: 'Let out of the penalty box',
  reboot: 'Reboot',
  reconnect: 'Reconnect',
  firmware: 'Send a firmware',
  move: 'Move to another product',
  delete: 'Delete',
}

/** What an action takes before it can be previewed; none for those that take nothing. */
function argsOf(action: BulkAction, text: string): Record<string, unknown> | null {
  switch (action) {
    case 'tags_add':
    case 'tags_remove':
      return tagsOf(text).length ? { tags: tagsOf(text) } : null
    case 'group':
      return text ? { group: text === NO_GROUP ? null : text } : null
    case 'firmware':
      return text ? { uuid: text } : null
    case 'move': {
      const [org, product] = [text.slice(0, text.indexOf('/')), text.slice(text.indexOf('/') + 1)]
      return text.includes('/') && org && product ? { org, product } : null
    }
    case 'updates_on':
      return { enabled: true }
    case 'updates_off':
      return { enabled: false }
    default:
      return {}
  }
}

function Steps({ action, devices, onClose, onStarted, onBusy }: Props & { onBusy: (busy: boolean) => void }) {
  const { org, product } = useProduct()
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const [plan, setPlan] = useState<{ form: BulkForm; preview: Preview } | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const args = argsOf(action, text)
  const takesNothing = !['tags_add', 'tags_remove', 'group', 'firmware', 'move'].includes(action)
  const word = action === 'updates_on' || action === 'updates_off' ? 'updates' : action
  const run = async (work: () => Promise<void>) => {
    setBusy(true)
    onBusy(true)
    setProblem(null)
    try {
      await work()
    } catch (e) {
      setProblem(e instanceof Problem ? e.message : String(e))
      setPlan(null)
    } finally {
      onBusy(false)
      setBusy(false)
    }
  }
  const look = () =>
    run(async () => {
      const form: BulkForm = { ...devices, action: word, ...(args && Object.keys(args).length > 0 && { args }) }
      setPlan({ form, preview: await preview({ org, product }, form) })
    })
  const act = () =>
    run(async () => {
      if (!plan || plan.preview.would_change === 0) return
      const job = await start({ org, product }, plan.form, plan.preview.confirm)
      onStarted()
      await navigate(paths.job(org, product, job))
    })
  // An action that takes nothing is previewed at once.
  useEffect(() => {
    if (takesNothing) void look()
    // The dialog is for one action and one set of devices.
  }, [])
  return (
    <form
      className="stack"
      onSubmit={(e) => {
        e.preventDefault()
        void (plan ? act() : look())
      }}
    >
      {problem && <Notice kind="bad">{problem}</Notice>}
      {plan ? (
        <WhatWouldHappen plan={plan} action={action} busy={busy} onBack={takesNothing ? onClose : () => setPlan(null)} />
      ) : takesNothing ? (
        <Waiting problem={problem !== null} onAgain={() => void look()} onClose={onClose} />
      ) : (
        <>
          <Argument action={action} text={text} onChange={setText} />
          <DialogButtons>
            <Button onClick={onClose}>Cancel</Button>
            <Button type="submit" kind="primary" disabled={!args} busy={busy}>
              See what it would do
            </Button>
          </DialogButtons>
        </>
      )}
    </form>
  )
}

/** Before the preview of an action that takes nothing, or after it was refused. */
function Waiting({ problem, onAgain, onClose }: { problem: boolean; onAgain: () => void; onClose: () => void }) {
  if (!problem) return <Skeleton />
  return (
    <DialogButtons>
      <Button onClick={onClose}>Cancel</Button>
      <Button kind="primary" onClick={onAgain}>
        Look again
      </Button>
    </DialogButtons>
  )
}

function WhatWouldHappen(props: { plan: { form: BulkForm; preview: Preview }; action: BulkAction; busy: boolean; onBack: () => void }) {
  const { form, preview: p } = props.plan
  const [typed, setTyped] = useState('')
  // What cannot be undone is always typed.
  const many = p.would_change > TYPED_ABOVE || ['delete', 'move'].includes(props.action)
  const ready = p.would_change > 0 && (!many || typed.replaceAll(/\D/g, '') === String(p.would_change))
  const danger = ['delete', 'move', 'firmware', 'reboot'].includes(props.action)
  return (
    <>
      <p>
        <strong>
          {jobTitle({ action: form.action, args: form.args ?? {}, undoes: null })}: {counted(p.matches, 'device')} of{' '}
          {form.query === undefined ? 'the selection' : 'the query'}, {count(p.would_change)} would change.
        </strong>
      </p>
      {form.query !== undefined && <code>{form.query || 'all devices'}</code>}
      <p className="small muted">
        {p.sample.join(', ')}
        {p.matches > p.sample.length && ` and ${count(p.matches - p.sample.length)} more`}
      </p>
      {p.refused.map((r) => (
        <p key={r.reason} className="small">
          {counted(r.count, 'device')} would be refused: {r.reason}
        </p>
      ))}
      {many && <TextField label={`Type ${p.would_change} to go on`} value={typed} autoComplete="off" inputMode="numeric" onChange={(e) => setTyped(e.target.value)} />}
      <DialogButtons>
        <Button onClick={props.onBack} disabled={props.busy}>
          Back
        </Button>
        <Button type="submit" kind={danger ? 'danger' : 'primary'} disabled={!ready} busy={props.busy}>
          {p.would_change === 0 ? 'Nothing to do' : `Do it to ${counted(p.would_change, 'device')}`}
        </Button>
      </DialogButtons>
    </>
  )
}

function Argument({ action, text, onChange }: { action: BulkAction; text: string; onChange: (text: string) => void }) {
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
  const groups = useQuery({
    queryKey: ['groups', org, product],
    queryFn: () => data(api.GET('/api/orgs/{org}/products/{product}/deployments', { params: { path: { org, product } } })),
  })
  const options = [
    { value: '', label: 'Choose one', disabled: true },
    { value: NO_GROUP, label: 'No group: take them out of theirs' },
    ...(groups.data ?? []).map((g) => ({ value: g.name, label: g.name })),
  ]
  return <SelectField label="Deployment group" options={options} value={text} onChange={onChange} />
}

function FirmwareArgument({ text, onChange }: { text: string; onChange: (text: string) => void }) {
  const { org, product } = useProduct()
  const firmware = useQuery({
    queryKey: ['firmwares', org, product],
    queryFn: () => data(api.GET('/api/orgs/{org}/products/{product}/firmwares', { params: { path: { org, product } } })),
  })
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
