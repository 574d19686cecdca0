/** Questions about devices that stand out, each with the query that answers it and how many devices it finds. */
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Card } from '../../ui/layout'
import { Status, type Tone } from '../../ui/status'
import { Table } from '../../ui/table'
import { count, percent } from '../../ui/text'
import { useDeviceCount } from '../firmware/queries'

type Question = { title: string; query: string; tone: Tone }

const QUESTIONS: readonly Question[] = [
  { title: 'Offline now', query: 'connection = disconnected', tone: 'warn' },
  { title: 'Not seen for 7 days', query: 'connection != not_seen and last_seen < "7 days ago"', tone: 'bad' },
  { title: 'Not seen for 14 days', query: 'connection != not_seen and last_seen < "14 days ago"', tone: 'bad' },
  { title: 'Never seen', query: 'connection = not_seen', tone: 'warn' },
  { title: 'Unhealthy', query: 'health_status = unhealthy', tone: 'bad' },
  { title: 'With a warning', query: 'health_status = warning', tone: 'warn' },
  { title: 'With an alarm', query: 'alarm_status = with', tone: 'warn' },
  { title: 'In the penalty box after failed updates', query: 'updates = penalty-box', tone: 'bad' },
  { title: 'Updates switched off', query: 'updates = disabled', tone: 'warn' },
  { title: 'In no deployment group', query: 'deployment_group = ":not_set"', tone: 'warn' },
]

export function Questions({ devices }: { devices: number }) {
  const { org, product } = useProduct()
  return (
    <Card title="Devices that stand out">
      <Table
          label="Questions and how many devices they find"
          rows={QUESTIONS}
          rowKey={(q) => q.query}
          columns={[
            { name: 'Which', names: true, cell: (q) => <Link {...paths.product(org, product, 'devices', { q: q.query })}>{q.title}</Link> },
            { name: 'Devices', number: true, cell: (q) => <Answer question={q} /> },
            { name: 'Share', number: true, cell: (q) => <ShareOf query={q.query} whole={devices} /> },
            { name: 'Query', cell: (q) => <code>{q.query}</code> },
          ]}
        />
    </Card>
  )
}

function Answer({ question }: { question: Question }) {
  const { org, product } = useProduct()
  const found = useDeviceCount(org, product, question.query)
  if (found.data === undefined) return <span className="muted">{found.error ? 'not counted' : '…'}</span>
  return <Status tone={found.data > 0 ? question.tone : 'ok'}>{count(found.data)}</Status>
}

function ShareOf({ query, whole }: { query: string; whole: number }) {
  const { org, product } = useProduct()
  const found = useDeviceCount(org, product, query)
  return <>{found.data === undefined ? '–' : percent(found.data, whole)}</>
}
