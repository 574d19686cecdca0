/** One action on many devices: how far it is, what was refused and why, and the way back. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useRef, useState } from 'react'
import { api, data, take } from '../../api/client'
import { moment } from '../../ui/text'
import type { Pagination } from '../../api/types'
import { paths } from '../../paths'
import { useAddress } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Bar } from '../../ui/bar'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Select } from '../../ui/form'
import { Card, Facts, Failure, Notice, Page, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Pager, Table } from '../../ui/table'
import { count, counted } from '../../ui/text'
import { Time, useNow } from '../../ui/time'
import { attempt } from '../../ui/toast'
import { type JobDetail, type JobResult, cancel, jobStatus, jobTitle, undo } from './jobs'

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
  const may = atLeast(role, 'manage')
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
        <p>{counted(j.total - j.done - j.failed, 'device')} will be left as they are. What is done stays done.</p>
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
  return (
    <Card title="Progress">
      <div aria-live="polite">
        <Bar
          label="Devices of the job"
          segments={[
            { tone: 'ok', label: 'changed', count: j.changed },
            { tone: 'off', label: 'were so already', count: j.done - j.changed },
            { tone: 'bad', label: 'refused', count: j.failed },
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
          ['Undoes', j.undoes ? <Link {...paths.job(org, product, String(j.undoes))}>job {j.undoes}</Link> : null],
          ['Undone by', j.undone_by ? <Link {...paths.job(org, product, String(j.undone_by))}>job {j.undone_by}</Link> : null],
        ]}
      />
      {j.errors.length > 0 && (
        <Table
          label="Why devices were left as they are"
          rows={j.errors}
          rowKey={(e) => e.reason}
          columns={[
            { name: 'Refused because', names: true, cell: (e) => e.reason },
            { name: 'Devices', number: true, cell: (e) => count(e.count) },
          ]}
        />
      )}
    </Card>
  )
}

const OUTCOMES = [
  { value: '', label: 'All devices' },
  { value: 'changed', label: 'Changed' },
  { value: 'unchanged', label: 'Were so already' },
  { value: 'refused', label: 'Refused' },
]

function Results({ job: j }: { job: JobDetail }) {
  const { org = '', product = '', job = '' } = useAddress()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as { outcome?: unknown; page?: unknown }
  const outcome = typeof search.outcome === 'string' ? search.outcome : ''
  const page = Number(search.page) || 1
  const go = (next: { outcome?: string; page?: number }) =>
    void navigate({ ...paths.job(org, product, job), search: { outcome: next.outcome || undefined, page: next.page }, replace: true } as never)
  const results = useQuery({
    queryKey: ['jobs', org, product, 'results', job, outcome, page],
    placeholderData: keepPreviousData,
    refetchInterval: j.state === 'running' ? 2_000 : false,
    queryFn: async () => {
      const query = { outcome: outcome || undefined, 'pagination[page]': page, 'pagination[page_size]': 50 }
      const path = { org, product, job }
      const asked = api.GET('/api/orgs/{org}/products/{product}/jobs/{job}/results', { params: { path, query: query as never } })
      return (await take(asked)) as { data: JobResult[]; pagination: Pagination }
    },
  })
  return (
    <Card title="Devices" actions={<Select label="Which devices" options={OUTCOMES} value={outcome} onChange={(o) => go({ outcome: o })} />}>
      {results.error && <Failure error={results.error} again={() => void results.refetch()} />}
      <Table<JobResult>
        label="What it came to at each device"
        rows={results.data?.data ?? []}
        rowKey={(r) => r.device ?? `destroyed ${(results.data?.data ?? []).indexOf(r)}`}
        columns={[
          {
            name: 'Device',
            names: true,
            cell: (r) => (r.device ? <Link {...paths.device(org, product, r.device)}>{r.device}</Link> : <span className="muted">destroyed since</span>),
          },
          { name: 'Outcome', cell: (r) => <Outcome outcome={r.outcome} /> },
          { name: 'Reason', cell: (r) => r.reason ?? '' },
        ]}
      />
      <Pager at={results.data?.pagination} onPage={(to) => go({ outcome, page: to })} />
    </Card>
  )
}

function Outcome({ outcome }: { outcome: string | null | undefined }) {
  if (outcome === 'changed') return <Status tone="ok">changed</Status>
  if (outcome === 'unchanged') return <Status tone="off">was so already</Status>
  if (outcome === 'refused') return <Status tone="bad">refused</Status>
  return <Status tone="waiting">to do</Status>
}
