/** Runs of scripts on a device since its page was opened: what runs, what came out of it, and why one did not run. */
import { useCallback, useRef, useState } from 'react'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { SelectField } from '../../ui/form'
import { Card, CopyButton, Notice } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Time } from '../../ui/time'
import { FIRST_WAIT, WAITS, refusal, runScript, useScript, type ScriptEntry } from '../scripts/script'
import { Output, ScriptText } from '../scripts/shown'
import { useDeviceAddress } from './device'

export type Run = { id: number; script: string; at: string; state: 'running' | 'done' | 'failed'; output: string }

/** Runs that are kept on the page. */
const KEPT = 10

export function useRuns() {
  const at = useDeviceAddress()
  const [all, setAll] = useState<readonly Run[]>([])
  const ids = useRef(0)
  const run = useCallback(
    async (script: ScriptEntry, wait: string) => {
      const id = ++ids.current
      const end = (state: Run['state'], output: string) => setAll((before) => before.map((r) => (r.id === id ? { ...r, state, output } : r)))
      setAll((before) => [{ id, script: script.name, at: new Date().toISOString(), state: 'running' as const, output: '' }, ...before].slice(0, KEPT))
      try {
        end('done', await runScript({ ...at, script: script.id, wait }))
      } catch (e) {
        end('failed', refusal(e, at.device))
      }
    },
    [at.org, at.product, at.device], // The address is an object of each drawing; its parts say whether it is another.
  )
  const forget = useCallback(() => setAll((before) => before.filter((r) => r.state === 'running')), [])
  return { all, run, forget }
}

export function Runs({ runs, onForget }: { runs: readonly Run[]; onForget: () => void }) {
  if (runs.length === 0) return null
  return (
    <Card
      title="Output"
      actions={
        <Button small kind="plain" onClick={onForget}>
          Clear
        </Button>
      }
    >
      <div className="stack" aria-live="polite">
        {runs.map((run) => (
          <article key={run.id} className="stack-small" aria-label={`Run of ${run.script}`}>
            <div className="row">
              <h3>{run.script}</h3>
              <Status tone={run.state === 'running' ? 'running' : run.state === 'done' ? 'ok' : 'bad'}>
                {run.state === 'running' ? 'runs' : run.state === 'done' ? 'ended' : 'did not run to its end'}
              </Status>
              <span className="small muted">
                <Time at={run.at} />
              </span>
              {run.state === 'done' && <CopyButton text={run.output} label="Copy the output" />}
            </div>
            {run.state === 'done' && <Output label={`Output of ${run.script}`} text={run.output} />}
            {run.state === 'failed' && <Notice kind="bad">{run.output}</Notice>}
          </article>
        ))}
      </div>
    </Card>
  )
}

type RunProps = { script: ScriptEntry | null; online: boolean; onClose: () => void; onRun: (script: ScriptEntry, wait: string) => Promise<void> }

/** Shows what would run, and asks. */
export function RunScript({ script, online, onClose, onRun }: RunProps) {
  const at = useDeviceAddress()
  return (
    <Dialog open={script !== null} onClose={onClose} title={`Run ${script?.name ?? ''} on ${at.device}?`} wide>
      {script && <Ask script={script} online={online} onClose={onClose} onRun={onRun} />}
    </Dialog>
  )
}

function Ask({ script, online, onClose, onRun }: RunProps & { script: ScriptEntry }) {
  const { org, product } = useDeviceAddress()
  const [wait, setWait] = useState(FIRST_WAIT)
  const text = useScript(org, product, script.id)
  return (
    <div className="stack">
      <p>
        This code runs in the IEx of the device, with all that the firmware may do. What it changes there stays changed. The run is kept in the audit
        log.
      </p>
      <ScriptText script={text} />
      {!online && <Notice kind="warn">The device is not connected, so the server will refuse.</Notice>}
      <SelectField label="Wait for its answer at most" options={WAITS} value={wait} onChange={setWait} />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button
          kind="primary"
          disabled={!text.data || text.isFetching}
          onClick={() => {
            void onRun(script, wait)
            onClose()
          }}
        >
          Run it
        </Button>
      </DialogButtons>
    </div>
  )
}
