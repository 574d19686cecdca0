/** How a device is, in short: the newest report's status, alarms and main metrics. */
import { Link } from '@tanstack/react-router'
import { paths } from '../../paths'
import { Card, Facts, Failure, Skeleton } from '../../ui/layout'
import { Status, healthStatus } from '../../ui/status'
import { Time } from '../../ui/time'
import { useDeviceAddress, useHealth } from './device'
import { ReasonLine } from './health-report'
import { metricText, nameOf } from './metrics'
import { alarmsOf, reasonsOf } from './report-parts'

export function HealthInShort() {
  const at = useDeviceAddress()
  const health = useHealth()
  const report = health.data?.[0]
  const metrics = ((report?.report as { metrics?: Record<string, unknown> } | undefined)?.metrics ?? {}) as Record<string, unknown>
  const status = healthStatus(report?.status)
  const main = (['cpu_usage_percent', 'mem_used_percent', 'disk_used_percentage', 'cpu_temp'] as const).filter((key) => metrics[key] !== undefined)
  const alarms = report ? alarmsOf(report) : []
  return (
    <Card
      title="Health"
      actions={
        <Link className="small" {...paths.device(at.org, at.product, at.device, 'health')}>
          charts
        </Link>
      }
    >
      {health.error && <Failure error={health.error} again={() => void health.refetch()} />}
      {health.isPending && <Skeleton />}
      {health.data && !report && <p className="muted">It has not reported its health yet.</p>}
      {report && (
        <div className="stack-small">
          <div className="row">
            <Status tone={status.tone}>{status.word}</Status>
            <span className="small muted">
              reported <Time at={report.reported_at} />
            </span>
          </div>
          {alarms.map(([name]) => (
            <Status key={name} tone="bad">
              alarm {name}
            </Status>
          ))}
          {reasonsOf(report).map((reason) => (
            <ReasonLine key={reason.metric} reason={reason} />
          ))}
          <Facts rows={main.map((key) => [nameOf(key), metricText(key, metrics[key])] as const)} />
        </div>
      )}
    </Card>
  )
}
