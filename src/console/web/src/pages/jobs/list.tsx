/** The actions on many devices of the last 30 days. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { api, take } from '../../api/client'
import type { Pagination } from '../../api/types'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Command, Empty, Failure, Page, Skeleton } from '../../ui/layout'
import { productFlags } from '../../ui/shell-word'
import { Status } from '../../ui/status'
import { Pager, Table } from '../../ui/table'
import { count, percent } from '../../ui/text'
import { Time } from '../../ui/time'
import { type Job, jobStatus, jobTitle } from './jobs'

export default function Jobs() {
  const { org, product } = useProduct()
  const navigate = useNavigate()
  const page = Number((useSearch({ strict: false }) as { page?: unknown }).page) || 1
  const jobs = useQuery<{ data: Job[]; pagination: Pagination }>({
    queryKey: ['jobs', org, product, page],
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.data.some((j) => j.state === 'running') ? 1_000 : 10_000),
    queryFn: async ({ signal }) => {
      const query = { 'pagination[page]': page, 'pagination[page_size]': 25 }
      const asked = api.GET('/api/orgs/{org}/products/{product}/jobs', { params: { path: { org, product }, query: query as never }, signal })
      return take(asked)
    },
  })
  const rows = jobs.data?.data
  return (
    <Page title="Jobs">
      {jobs.error && <Failure error={jobs.error} again={() => void jobs.refetch()} />}
      {jobs.isPending && <Skeleton />}
      {rows?.length === 0 && (
        <Empty title="Nothing was done to many devices in the last 30 days">
          <p>
            Mark devices in <Link {...paths.product(org, product, 'devices')}>the list</Link>, or select all that a query finds, and choose
            what to do. You see first how many devices it would change. The same from a terminal:
          </p>
          <Command text={`nervecenter device bulk ${productFlags(org, product)} --query 'tags contains eu' --tag-add beta --dry-run`} />
        </Empty>
      )}
      {rows && rows.length > 0 && (
        <>
          <Table<Job>
            label="Jobs"
            rows={rows}
            rowKey={(j) => j.id}
            columns={[
              { name: 'Job', names: true, cell: (j) => <Link {...paths.job(org, product, String(j.id))}>{jobTitle(j)}</Link> },
              { name: 'State', cell: (j) => <JobState job={j} /> },
              { name: 'Devices', number: true, cell: (j) => count(j.total) },
              { name: 'Changed or answered', number: true, cell: (j) => count(j.changed) },
              { name: 'Refused or failed', number: true, cell: (j) => count(j.failed) },
              { name: 'By', cell: (j) => j.by },
              { name: 'Begun', cell: (j) => <Time at={j.created_at} /> },
            ]}
          />
          <Pager at={jobs.data?.pagination} onPage={(to) => void navigate(paths.product(org, product, 'jobs', { page: to }))} />
        </>
      )}
    </Page>
  )
}

function JobState({ job }: { job: Job }) {
  const status = jobStatus(job.state)
  const far = job.state === 'running' ? ` ${percent(job.done + job.failed, job.total)}` : ''
  return (
    <Status tone={status.tone}>
      {status.word}
      {far}
    </Status>
  )
}
