/** What the failed attempts of a release have in common, and the devices behind each reason. */
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { Rollout } from '../../api/types'
import { paths } from '../../paths'
import { atLeast, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Select } from '../../ui/form'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'
import { FAILURES_BY, type Failures, type FailuresBy, type GroupAddress, useFailures, useGroupAddress } from './group-api'
import { failedOf } from './group-status'
import { retryFailedQuestion, retryHeld } from './questions'

/** What the address says of the failures: `failures=stage` and `of=2` for an earlier release. */
function useFailureSearch(at: GroupAddress) {
  const raw = useSearch({ strict: false }) as Record<string, unknown>
  const navigate = useNavigate()
  const by: FailuresBy = FAILURES_BY.find((b) => b === raw.failures) ?? 'reason'
  const of = typeof raw.of === 'number' && raw.of > 0 ? raw.of : undefined
  const change = (next: { by?: FailuresBy; of?: number | undefined }) => {
    const after = { by, of, ...next }
    const search = { failures: after.by === 'reason' ? undefined : after.by, of: after.of }
    void navigate({ ...paths.group(at.org, at.product, at.group, 'live', search), replace: true, resetScroll: false })
  }
  return { by, of, change }
}

export function FailuresCard({ progress }: { progress: Rollout }) {
  const at = useGroupAddress()
  const { by, of, change } = useFailureSearch(at)
  const failures = useFailures(at, by, of ?? progress.release)
  const rows = failures.data ?? []
  return (
    <Card
      title={of && of !== progress.release ? `Failures of release ${of}` : 'Failures'}
      actions={
        <>
          {of && of !== progress.release && (
            <Button small onClick={() => change({ of: undefined })}>
              Show the current release
            </Button>
          )}
          <Select label="Grouped by" value={by} onChange={(v) => change({ by: v as FailuresBy })} options={FAILURES_BY.map((b) => ({ value: b, label: `by ${b}` }))} />
          <RetryFailed progress={progress} />
        </>
      }
    >
      {failures.error && <Failure error={failures.error} again={() => void failures.refetch()} />}
      {failures.isPending && <Skeleton />}
      {failures.data && rows.length === 0 && <Status tone="ok">No attempt failed.</Status>}
      {rows.length > 0 && (
        <Table
          label={`Failures by ${by}`}
          rows={rows}
          rowKey={(r) => r.value}
          columns={[
            { name: by[0]?.toUpperCase() + by.slice(1), names: true, cell: (r) => r.value || <span className="muted">none was told</span> },
            { name: 'Devices', number: true, cell: (r) => count(r.count) },
            { name: 'Which', cell: (r) => <Which failures={r} /> },
            { name: 'First', cell: (r) => <Time at={r.first} /> },
            { name: 'Last', cell: (r) => <Time at={r.last} /> },
          ]}
        />
      )}
    </Card>
  )
}

/** The devices that the API names, which are five at most. */
function Which({ failures }: { failures: Failures }) {
  const { org, product } = useGroupAddress()
  const more = failures.count - failures.devices.length
  return (
    <span className="row" style={{ gap: '2px 10px' }}>
      {failures.devices.map((d) => (
        <Link key={d} className="mono" {...paths.device(org, product, d, 'firmware')}>
          {d}
        </Link>
      ))}
      {more > 0 && <span className="muted">and {count(more)} more</span>}
    </span>
  )
}

function RetryFailed({ progress }: { progress: Rollout }) {
  const at = useGroupAddress()
  const may = atLeast(useRole(at.org), 'manage')
  const [asking, setAsking] = useState(false)
  if (failedOf(progress) === 0) return null
  const held = retryHeld(progress)
  return (
    <>
      <Button
        small
        disabled={!may || held !== null}
        title={held ? `The release cannot be tried again: ${held}.` : may ? undefined : 'Takes the role manage.'}
        onClick={() => setAsking(true)}
      >
        Retry failed
      </Button>
      <Confirm open={asking} onClose={() => setAsking(false)} {...retryFailedQuestion(at, progress)} />
    </>
  )
}
