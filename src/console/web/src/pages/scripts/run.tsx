/** Runs a script on one device that is named, and shows what it printed. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect, useId, useRef, useState } from 'react'
import { api, take } from '../../api/client'
import type { Device } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { SelectField, TextField } from '../../ui/form'
import { CopyButton, Notice } from '../../ui/layout'
import { Status, connectionStatus } from '../../ui/status'
import { duration } from '../../ui/text'
import { useSettled } from '../../ui/use-settled'
import { FIRST_WAIT, WAITS, refusal, runScript, useScript, type ScriptEntry } from './script'
import { Output, ScriptText } from './shown'

type Outcome = { device: string; seconds: number; output: string } | { device: string; refused: string }

export function RunScript({ script, onClose }: { script: ScriptEntry; onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title={`Run ${script.name}`} wide>
      <Run script={script} onClose={onClose} />
    </Dialog>
  )
}

function Run({ script, onClose }: { script: ScriptEntry; onClose: () => void }) {
  const { org, product } = useProduct()
  const text = useScript(org, product, script.id)
  const [device, setDevice] = useState('')
  const [wait, setWait] = useState(FIRST_WAIT)
  const [busy, setBusy] = useState(false)
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const stopped = useRef<AbortController | null>(null)
  useEffect(() => () => stopped.current?.abort(), [])
  const run = async () => {
    const at = device.trim()
    const begun = Date.now()
    stopped.current = new AbortController()
    setBusy(true)
    setOutcome(null)
    try {
      const output = await runScript({ org, product, device: at, script: script.id, wait, signal: stopped.current.signal })
      setOutcome({ device: at, seconds: (Date.now() - begun) / 1000, output })
    } catch (e) {
      if (!stopped.current.signal.aborted) setOutcome({ device: at, refused: refusal(e, at) })
    } finally {
      setBusy(false)
    }
  }
  return (
    <form className="stack" onSubmit={(e) => (e.preventDefault(), void run())}>
      <DeviceField value={device} onChange={setDevice} />
      <SelectField label="Wait for its answer at most" options={WAITS} value={wait} onChange={setWait} />
      <ScriptText script={text} />
      <div aria-live="polite" className="stack-small">
        {busy && <Status tone="running">The device runs it…</Status>}
        {outcome && <Shown outcome={outcome} />}
      </div>
      <DialogButtons>
        <Button onClick={onClose}>Close</Button>
        <Button type="submit" kind="primary" busy={busy} disabled={!device.trim() || !text.data || text.isFetching}>
          {outcome ? 'Run again' : 'Run it'}
        </Button>
      </DialogButtons>
    </form>
  )
}

function Shown({ outcome }: { outcome: Outcome }) {
  const { org, product } = useProduct()
  const link = <Link {...paths.device(org, product, outcome.device)}>{outcome.device}</Link>
  if ('refused' in outcome) return <Notice kind="bad">{outcome.refused}</Notice>
  return (
    <>
      <div className="row">
        <Status tone="ok">{outcome.seconds < 1 ? 'answered within a second' : `answered after ${duration(outcome.seconds)}`}</Status>
        {link}
        <CopyButton text={outcome.output} label="Copy the output" />
      </div>
      <Output label="Output" text={outcome.output} />
    </>
  )
}

/** Takes an identifier, and offers those that begin alike. */
function DeviceField({ value, onChange }: { value: string; onChange: (identifier: string) => void }) {
  const { org, product } = useProduct()
  const listId = useId()
  const part = useSettled(value.trim(), 250)
  const offers = useQuery({
    queryKey: ['devices', org, product, 'named-like', part],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const query = { 'filters[identifier]': part || undefined, 'pagination[page_size]': 8 }
      const answer = await take(api.GET('/api/orgs/{org}/products/{product}/devices', { params: { path: { org, product }, query }, signal }))
      return (answer as { data: Device[] }).data
    },
  })
  const exact = offers.data?.find((d) => d.identifier === value.trim())
  const status = exact && connectionStatus(exact.connection_status)
  return (
    <>
      <TextField
        label="Device"
        hint="Its identifier. It has to be online."
        mono
        required
        autoFocus
        autoComplete="off"
        list={listId}
        value={value}
        onChange={(e) => onChange(e.target.value)}
      />
      <datalist id={listId}>
        {offers.data?.map((d) => <option key={d.identifier} value={d.identifier} label={connectionStatus(d.connection_status).word} />)}
      </datalist>
      {status && <Status tone={status.tone}>{status.word}</Status>}
    </>
  )
}
