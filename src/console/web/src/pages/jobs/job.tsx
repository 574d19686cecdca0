/** One action on many devices: how far it is, what was refused and why, and the way back. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { api, data } from '../../api/client'
import { moment } from '../../ui/text'
import { paths } from '../../paths'
import { useAddress } from '../../product'
import { atLeast, queries, useRole, useSession } from '../../session/session'
import { Bar } from '../../ui/bar'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card, Facts, Failure, Notice, Page, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { count, counted } from '../../ui/text'
import { Time, useNow } from '../../ui/time'
import { attempt } from '../../ui/toast'
import { Output } from '../scripts/shown'
import { type JobDetail, cancel, isScript, jobStatus, jobTitle, undo } from './jobs'
import { Results } from './results'

/** What lists and pages of devices are kept under. */
const CHANGED = new Set(['devices', 'device', 'facets', 'device-columns', 'groups', 'summary'])

export default function JobPage() {
  const { org = '', product = '', job = '' } = useAddress()
  const shown = useQuery({
    queryKey: ['jobs', org, product, 'one', job],
    refetchInterval: (query) => (query.state.data?.state === 'running' ? 1_000 : 30_000),
    queryFn: () =>
      data(api.GET('/api/orgs/{org}/products/{product}/jobs/{job}', { params: { path: { org, product, job } } })) as Promise<JobDetail>,
  })
  const j = shown.data
  const state = j?.state
  const before = useRef(state)
  useEffect(() => {
    // What it changed is read again wherever it is shown.
    if (before.current === 'running' && state !== 'running') void queries.invalidateQueries({ predicate: (q) => CHANGED.has(String(q.queryKey[0])) })
    before.current = state
  }, [state])
  return (
    <Page
      title={`Job ${job}`}
      heading={
        <>
          <h1>{j ? jobTitle(j) : `Job ${job}`}</h1>
          {j && <Status tone={jobStatus(j.state).tone}>{jobStatus(j.state).word}</Status>}
        </>
      }
      actions={j && <Actions job={j} />}
    >
      {shown.error && <Failure error={shown.error} again={() => void shown.refetch()} />}
      {shown.isPending && <Skeleton />}
      {j && <Progress job={j} />}
      {j && <Results key={j.id} job={j} />}
    </Page>
  )
}

function Actions({ job: j }: { job: JobDetail }) {
  const { org = '', product = '' } = useAddress()
  const role = useRole(org)
  const navigate = useNavigate()
  const now = useNow()
  const [asking, setAsking] = useState<'cancel' | 'undo' | null>(null)
  const me = useSession().user.email
  // Who runs a script may end it; all else takes the role manage.
  const may = atLeast(role, 'manage') || (isScript(j) && j.by === me)
  const path = { org, product }
  const undoable = j.undo_until !== null && j.undo_until !== undefined && moment(j.undo_until).getTime() > now
  return (
    <>
      {!may && <span className="small muted">To change it takes the role manage.</span>}
      {j.state === 'running' && (
        <Button kind="danger" disabled={!may} onClick={() => setAsking('cancel')}>
          Cancel
        </Button>
      )}
      {undoable && (
        <Button disabled={!may} onClick={() => setAsking('undo')}>
          Undo
        </Button>
      )}
      <Confirm
        open={asking === 'cancel'}
        onClose={() => setAsking(null)}
        title="Cancel this job?"
        act="Cancel the job"
        danger
        onConfirm={() => cancel(path, String(j.id))}
      >
        <p>
          {counted(j.total - j.done - j.failed, 'device')} will be left as they are{isScript(j) && ', but for those that run the script now'}. What is done
          stays done.
        </p>
      </Confirm>
      <Confirm
        open={asking === 'undo'}
        onClose={() => setAsking(null)}
        title="Undo this job?"
        act="Undo it"
        onConfirm={async () => {
          const id = await undo(path, String(j.id))
          await attempt('The undo has begun.', async () => navigate(paths.job(org, product, id)))
        }}
      >
        <p>
          {counted(j.changed, 'device')} get back what they had, but for those that somebody has changed since. It can be undone until{' '}
          <Time at={j.undo_until} />.
        </p>
      </Confirm>
    </>
  )
}

function Progress({ job: j }: { job: JobDetail }) {
  const { org = '', product = '' } = useAddress()
  const runs = isScript(j)
  return (
    <Card title="Progress">
      <div className="stack">
        <div aria-live="polite">
          <Bar
            label="Devices of the job"
            segments={[
              { tone: 'ok', label: runs ? 'answered' : 'changed', count: j.changed },
              ...(runs ? [] : [{ tone: 'off' as const, label: 'were so already', count: j.done - j.changed }]),
              { tone: 'warn', label: 'refused', count: j.refused },
              ...(runs ? [{ tone: 'bad' as const, label: 'gave no answer', count: j.failed - j.refused }] : []),
              { tone: 'waiting', label: 'to do', count: Math.max(0, j.total - j.done - j.failed) },
            ]}
          />
        </div>
        {j.failure && <Notice kind="bad">{j.failure}</Notice>}
        <Facts
          rows={[
            ['Devices', count(j.total)],
            ['Found by', j.query === null || j.query === undefined ? 'their names' : <code>{j.query || 'all devices'}</code>],
            ['Begun', <Time key="begun" at={j.created_at} />],
            ['By', j.by],
            ['Ended', <Time key="ended" at={j.finished_at} />],
            ...(runs ? [['Script', <ScriptRun key="script" job={j} />] as const] : undoRows(org, product, j)),
          ]}
        />
        {j.errors.length > 0 && (
          <Table
            label="Why devices were left as they are"
            rows={j.errors}
            rowKey={(e) => e.reason}
            columns={[
              { name: 'Because', names: true, cell: (e) => e.reason },
              { name: 'Devices', number: true, cell: (e) => count(e.count) },
            ]}
          />
        )}
      </div>
    </Card>
  )
}

/** The jobs that this one undoes, and that undo it. */
function undoRows(org: string, product: string, j: JobDetail) {
  const link = (job: number | null | undefined) => (job ? <Link {...paths.job(org, product, String(job))}>job {job}</Link> : null)
  return [['Undoes', link(j.undoes)] as const, ['Undone by', link(j.undone_by)] as const]
}

/** The name of the script, and its text as it was when the job began. */
function ScriptRun({ job: j }: { job: JobDetail }) {
  return (
    <details>
      <summary>{j.script}</summary>
      <Output label="The script" text={j.script_text ?? ''} />
    </details>
  )
}
