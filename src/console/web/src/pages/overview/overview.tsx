/** "Is my fleet well, what is rolling out, what needs me?" */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api, data } from '../../api/client'
import type { Attention, RolloutSummary, Summary } from '../../api/types'
import { summaryKey, useConnected } from '../../live/live'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Bar, releaseSegments, type Segment } from '../../ui/bar'
import { Card, Failure, Page, Skeleton, Tile, tilesClass } from '../../ui/layout'
import { Share } from '../../ui/share'
import { Status, rolloutStatus } from '../../ui/status'
import { Table } from '../../ui/table'
import { count, counted, percent } from '../../ui/text'
import { Time } from '../../ui/time'
import { quoted } from '../../query/completion'
import { FirstDevice } from '../devices/first-device'
import { failedSince, stepSentence } from '../group/step-words'
import css from './overview.module.css'

/** How often the counts are read again, in milliseconds, while no stream brings them: the server counts at most every five seconds. */
const EVERY = 5_000
/** And while one does, in case it says nothing. */
const SELDOM = 60_000

export default function Overview() {
  const { org, product } = useProduct()
  const connected = useConnected(org, product)
  const summary = useQuery({
    queryKey: summaryKey(org, product),
    queryFn: ({ signal }) => data(api.GET('/api/orgs/{org}/products/{product}/summary', { params: { path: { org, product } }, signal })),
    refetchInterval: connected ? SELDOM : EVERY,
  })
  const s = summary.data
  return (
    <Page title="Overview" actions={s && <span className="small muted">counted <Time at={s.at} /></span>}>
      {summary.error && <Failure error={summary.error} again={() => void summary.refetch()} />}
      {summary.isPending && <Skeleton lines={6} />}
      {s && s.devices === 0 && <FirstDevice />}
      {s && s.devices > 0 && <Fleet summary={s} />}
    </Page>
  )
}

function Fleet({ summary: s }: { summary: Summary }) {
  const { org, product } = useProduct()
  const list = (query: string) => paths.product(org, product, 'devices', { q: query })
  const connected = s.connection.connected ?? 0
  const healthy = s.health.healthy ?? 0
  const reporting = s.devices - (s.health.unknown ?? 0)
  return (
    <>
      <NeedsYou attention={s.attention} />
      <div className={tilesClass}>
        <Tile value={count(s.devices)} label="devices" />
        <Tile value={percent(connected, s.devices)} label="online" note={`${count(connected)} connected`} />
        <Tile value={reporting ? percent(healthy, reporting) : '–'} label="healthy" note={reporting ? `of ${count(reporting)} that report` : 'no device reports health'} />
        <Tile value={count(s.inflight)} label="updating now" />
        <Tile value={count(s.updates['penalty-box'] ?? 0)} label="in the penalty box" note={`${count(s.updates.disabled ?? 0)} with updates off`} />
      </div>
      <Rollouts rollouts={s.rollouts} />
      <div className={css.two}>
        <Card title="Connection" actions={<Link {...list('connection = disconnected')} className="small">offline devices</Link>}>
          <Bar label="Devices by connection" segments={connection(s)} />
          <p className="small muted" style={{ marginBlockStart: 8 }}>
            {count(s.connection.unseen_7d ?? 0)} were not seen for 7 days, {count(s.connection.unseen_14d ?? 0)} of them for 14.
          </p>
        </Card>
        <Card title="Health" actions={<Link {...list('health_status = unhealthy or health_status = warning')} className="small">devices that are not well</Link>}>
          <Bar label="Devices by health" segments={health(s)} />
        </Card>
      </div>
      <Card title="Versions">
        <Table
          label="Devices by version"
          rows={s.versions}
          rowKey={(v) => v.version ?? ''}
          columns={[
            {
              name: 'Version',
              names: true,
              cell: (v) => (v.version === null ? <span className="muted">never told</span> : <Link {...list(`version = ${quoted(v.version)}`)}>{v.version}</Link>),
            },
            { name: 'Devices', number: true, cell: (v) => count(v.count) },
            {
              name: 'Share',
              cell: (v) => (
                <span className="row">
                  <span className="num">{percent(v.count, s.devices)}</span>
                  <Share part={v.count} whole={s.devices} />
                </span>
              ),
            },
          ]}
        />
      </Card>
    </>
  )
}

function connection(s: Summary): Segment[] {
  return [
    { tone: 'ok', label: 'connected', count: s.connection.connected ?? 0 },
    { tone: 'waiting', label: 'offline', count: s.connection.disconnected ?? 0 },
    { tone: 'paused', label: 'never seen', count: s.connection.not_seen ?? 0 },
  ]
}

function health(s: Summary): Segment[] {
  return [
    { tone: 'ok', label: 'healthy', count: s.health.healthy ?? 0 },
    { tone: 'warn', label: 'warning', count: s.health.warning ?? 0 },
    { tone: 'bad', label: 'unhealthy', count: s.health.unhealthy ?? 0 },
    { tone: 'off', label: 'unknown', count: s.health.unknown ?? 0 },
  ]
}

function NeedsYou({ attention }: { attention: readonly Attention[] }) {
  const { org, product } = useProduct()
  return (
    <Card title={attention.length ? `Needs you (${attention.length})` : 'Needs you'}>
      {attention.length === 0 && <Status tone="ok">Nothing waits for a person.</Status>}
      <ul className={css.needs}>
        {attention.map((a) => {
          const target = a.group ? paths.group(org, product, a.group) : a.query ? paths.product(org, product, 'devices', { q: a.query }) : null
          return (
            <li key={`${a.kind} ${a.group} ${a.title}`} className="row">
              <Status tone={a.severity === 'error' ? 'bad' : 'warn'}>{a.severity}</Status>
              <span className="grow">{a.title}</span>
              {target && <Link {...target}>Open</Link>}
            </li>
          )
        })}
      </ul>
    </Card>
  )
}

function Rollouts({ rollouts }: { rollouts: readonly RolloutSummary[] }) {
  const { org, product } = useProduct()
  return (
    <Card title="Rolling out" actions={<Link {...paths.product(org, product, 'groups')} className="small">all rollouts</Link>}>
      {rollouts.length === 0 && <p className="muted">No release is under way.</p>}
      <ul className="stack">
        {rollouts.map((r) => (
          <Rollout key={r.group} rollout={r} />
        ))}
      </ul>
    </Card>
  )
}

function Rollout({ rollout: r }: { rollout: RolloutSummary }) {
  const { org, product } = useProduct()
  const at = r.steps.findIndex((s) => s.state === 'current')
  const status = rolloutStatus(r.state, r.status)
  return (
    <li>
      <div className="row">
        <Link {...paths.group(org, product, r.group)}>
          <strong>{r.group}</strong>
        </Link>
        <span className="mono">{r.version}</span>
        <Status tone={status.tone}>{status.word}</Status>
        {r.steps.length > 1 && at >= 0 && (
          <span className="small muted">
            step {at + 1} of {r.steps.length}: {r.steps[at]?.name}
          </span>
        )}
        <span className="end num">
          {percent(r.updated, r.devices)} of {counted(r.devices, 'device')}
        </span>
      </div>
      <Bar label={`Release ${r.release} of ${r.group}`} segments={releaseSegments({ ...r, updating: r.in_flight })} />
      <p className="small muted">
        {stepSentence(r.sentence, r.steps.length)}
        {r.state === 'stopped' && failedSince(r.sentence, r.failed) !== null && ` That was when it stopped; now ${count(r.failed)} failed in all.`}
      </p>
    </li>
  )
}
