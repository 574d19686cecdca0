/** What a job came to at each device, with what a script printed there, and the same as a file. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { Download } from 'lucide-react'
import { useEffect } from 'react'
import { api, take } from '../../api/client'
import type { Pagination } from '../../api/types'
import { paths } from '../../paths'
import { useAddress } from '../../product'
import { buttonClass } from '../../ui/button'
import { Select } from '../../ui/form'
import { Card, Failure } from '../../ui/layout'
import { Status } from '../../ui/status'
import { type Column, Pager, Table } from '../../ui/table'
import { Output } from '../scripts/shown'
import { type JobDetail, type JobResult, isScript } from './jobs'

const OUTCOMES = [
  { value: '', label: 'All devices' },
  { value: 'changed', label: 'Changed' },
  { value: 'unchanged', label: 'Were so already' },
  { value: 'refused', label: 'Refused' },
]
const OUTCOMES_OF_SCRIPTS = [
  { value: '', label: 'All devices' },
  { value: 'changed', label: 'Answered' },
  { value: 'failed', label: 'Gave no answer' },
  { value: 'refused', label: 'Refused' },
]

export function Results({ job: j }: { job: JobDetail }) {
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
    queryFn: async () => {
      const query = { outcome: outcome || undefined, 'pagination[page]': page, 'pagination[page_size]': 50 }
      const path = { org, product, job }
      const asked = api.GET('/api/orgs/{org}/products/{product}/jobs/{job}/results', { params: { path, query: query as never } })
      return (await take(asked)) as { data: JobResult[]; pagination: Pagination }
    },
  })
  const { refetch } = results
  // What the job came to since: its page asks how far it is, also for the answers that come after it was cancelled.
  useEffect(() => void refetch(), [j.done, j.failed, j.state, refetch])
  const rows = results.data?.data ?? []
  return (
    <Card
      title="Devices"
      actions={
        <>
          <Select label="Which devices" options={isScript(j) ? OUTCOMES_OF_SCRIPTS : OUTCOMES} value={outcome} onChange={(o) => go({ outcome: o })} />
          <a className={buttonClass} href={j.results + (outcome && `?outcome=${encodeURIComponent(outcome)}`)} download>
            <Download size={15} aria-hidden /> Download CSV
          </a>
        </>
      }
    >
      {results.error && <Failure error={results.error} again={() => void results.refetch()} />}
      <Table<JobResult>
        label="What it came to at each device"
        rows={rows}
        rowKey={(r) => r.device ?? `destroyed ${rows.indexOf(r)}`}
        columns={[
          {
            name: 'Device',
            names: true,
            cell: (r) => (r.device ? <Link {...paths.device(org, product, r.device)}>{r.device}</Link> : <span className="muted">destroyed since</span>),
          },
          { name: 'Outcome', cell: (r) => <Outcome outcome={r.outcome} script={isScript(j)} /> },
          ...(isScript(j) ? [PRINTED] : [{ name: 'Reason', cell: (r: JobResult) => r.reason ?? '' }]),
        ]}
      />
      <Pager at={results.data?.pagination} onPage={(to) => go({ outcome, page: to })} />
    </Card>
  )
}

/** What a script printed, or why it printed nothing. */
const PRINTED: Column<JobResult> = {
  name: 'Output',
  cell: (r) => (r.output === null || r.output === undefined ? (r.reason ?? '') : <Printed device={r.device ?? ''} text={r.output} cut={r.output_cut} />),
}

/** A line is shown as it is; more of them behind the first one, so that many devices can be looked over. */
function Printed({ device, text, cut }: { device: string; text: string; cut: boolean }) {
  const [first = '', ...more] = text.split('\n')
  const note = cut && <p className="small muted">The device printed more than is kept.</p>
  if (more.length === 0 && first.length <= 120) {
    return (
      <>
        {first ? <code>{first}</code> : <span className="muted">It printed nothing.</span>}
        {note}
      </>
    )
  }
  return (
    <details>
      <summary>
        <code>{first.slice(0, 120)}</code>
      </summary>
      <Output label={`Output of ${device}`} text={text} />
      {note}
    </details>
  )
}

function Outcome({ outcome, script }: { outcome: string | null | undefined; script: boolean }) {
  if (outcome === 'changed') return <Status tone="ok">{script ? 'answered' : 'changed'}</Status>
  if (outcome === 'unchanged') return <Status tone="off">was so already</Status>
  if (outcome === 'refused') return <Status tone="warn">refused</Status>
  if (outcome === 'failed') return <Status tone="bad">gave no answer</Status>
  return <Status tone="waiting">to do</Status>
}
