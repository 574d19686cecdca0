/** Does something to many devices: chosen, then shown what it would do, then confirmed; more than was confirmed is never touched. */
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { Problem } from '../../api/problem'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { TextField } from '../../ui/form'
import { Notice, Skeleton } from '../../ui/layout'
import { count, counted } from '../../ui/text'
import { Argument, NO_GROUP } from './bulk-argument'
import { type ChosenScript, ScriptArgument } from './bulk-script'
import { type BulkForm, type Preview, jobTitle, preview, start } from '../jobs/jobs'
import { tagsOf } from './new-device'

export type BulkAction = 'tags_add' | 'tags_remove' | 'group' | 'updates_on' | 'updates_off' | 'clear_penalty' | 'reboot' | 'reconnect' | 'firmware' | 'script' | 'move' | 'delete'

/** Above this number of devices the number is typed before anything is done. */
const TYPED_ABOVE = 25

type Props = {
  action: BulkAction
  /** Which devices: those that a query finds, or those that are named. */
  devices: { query: string; except?: string[] } | { identifiers: string[] }
  onClose: () => void
  onStarted: () => void
  /** The script that is chosen already. */
  script?: ChosenScript | null
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
  script: 'Run a script',
  move: 'Move to another product',
  delete: 'Delete',
}

/** What an action takes before it can be previewed; none for those that take nothing. */
function argsOf(action: BulkAction, text: string, script: ChosenScript | null): Record<string, unknown> | null {
  switch (action) {
    case 'script':
      return script && { script: String(script.id), timeout: Number(script.wait) }
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

function Steps({ action, devices, onClose, onStarted, onBusy, ...given }: Props & { onBusy: (busy: boolean) => void }) {
  const { org, product } = useProduct()
  const navigate = useNavigate()
  const [text, setText] = useState('')
  const [script, setScript] = useState(given.script ?? null)
  const [plan, setPlan] = useState<{ form: BulkForm; preview: Preview } | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const args = argsOf(action, text, script)
  const takesNothing = !['tags_add', 'tags_remove', 'group', 'firmware', 'script', 'move'].includes(action)
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
        <WhatWouldHappen plan={plan} action={action} script={script} busy={busy} onBack={takesNothing ? onClose : () => setPlan(null)} />
      ) : takesNothing ? (
        <Waiting problem={problem !== null} onAgain={() => void look()} onClose={onClose} />
      ) : (
        <>
          {action === 'script' ? (
            <ScriptArgument chosen={script} onChange={setScript} />
          ) : (
            <Argument action={action} text={text} onChange={setText} />
          )}
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

type Planned = { plan: { form: BulkForm; preview: Preview }; action: BulkAction; script: ChosenScript | null; busy: boolean; onBack: () => void }

function WhatWouldHappen(props: Planned) {
  const { form, preview: p } = props.plan
  const [typed, setTyped] = useState('')
  // What cannot be undone is always typed.
  const many = p.would_change > TYPED_ABOVE || ['delete', 'move'].includes(props.action)
  const ready = p.would_change > 0 && (!many || typed.replaceAll(/\D/g, '') === String(p.would_change))
  const runs = props.action === 'script'
  const danger = ['delete', 'move', 'firmware', 'reboot', 'script'].includes(props.action)
  return (
    <>
      <p>
        <strong>
          {jobTitle({ action: form.action, args: form.args ?? {}, undoes: null, script: props.script?.name ?? null })}: {counted(p.matches, 'device')} of{' '}
          {form.query === undefined ? 'the selection' : 'the query'}, {count(p.would_change)} would {runs ? 'run it' : 'change'}.
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
          {p.would_change === 0 ? 'Nothing to do' : `${runs ? 'Run it on' : 'Do it to'} ${counted(p.would_change, 'device')}`}
        </Button>
      </DialogButtons>
    </>
  )
}
