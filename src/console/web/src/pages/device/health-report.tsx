/** The newest health report of a device: its status and why, its alarms, and everything that the device sent. */
import { useState } from 'react'
import { api, data } from '../../api/client'
import type { HealthReport } from '../../api/types'
import { Button } from '../../ui/button'
import { Card, Command, Empty, Notice } from '../../ui/layout'
import { productFlags, shellWord } from '../../ui/shell-word'
import { Status, healthStatus } from '../../ui/status'
import { Table } from '../../ui/table'
import { Time } from '../../ui/time'
import { attempt } from '../../ui/toast'
import { D, useDeviceAddress, useExtensions } from './device'
import { ExtensionSwitch } from './extensions'
import { metricText, nameOf } from './metrics'
import { type Entries, type Reason, partsOf, reasonsOf, text } from './report-parts'
import { Sentence } from './sentence'
import css from './device.module.css'

export function ReasonLine({ reason }: { reason: Reason }) {
  return (
    <Sentence tone={reason.level === 'unhealthy' ? 'bad' : 'warn'}>
      {nameOf(reason.metric)} {metricText(reason.metric, reason.value)}, {reason.level} from {metricText(reason.metric, reason.threshold)}
    </Sentence>
  )
}

export function NewestReport({ report }: { report: HealthReport }) {
  const [whole, setWhole] = useState(false)
  const status = healthStatus(report.status)
  const parts = partsOf(report.report)
  const reasons = reasonsOf(report)
  const rows = (['metrics', 'checks', 'connectivity', 'metadata'] as const).flatMap((part) =>
    parts[part].map(([key, value]) => ({ part, key, value: part === 'metrics' ? metricText(key, value) : text(value) })),
  )
  return (
    <Card
      title="Newest report"
      actions={
        <>
          <span className="small muted">
            reported <Time at={report.reported_at} />
          </span>
          <AskForReport />
        </>
      }
    >
      <div className="stack-small">
        <div className="row" aria-live="polite">
          <Status tone={status.tone}>{status.word}</Status>
          {reasons.map((reason) => (
            <ReasonLine key={reason.level + reason.metric} reason={reason} />
          ))}
          {reasons.length === 0 && status.word === 'healthy' && <span className="muted">No threshold is reached.</span>}
        </div>
        <Alarms alarms={parts.alarms} />
        <details onToggle={(e) => setWhole(e.currentTarget.open)}>
          <summary>All {rows.length} values of the report</summary>
          {whole && (
            <div className={css.scroll}>
              <Table
                label="Values of the newest report"
                rows={rows}
                rowKey={(r) => `${r.part} ${r.key}`}
                columns={[
                  { name: 'Value', names: true, cell: (r) => <span className="mono">{r.key}</span> },
                  { name: 'Kind', cell: (r) => r.part },
                  { name: 'Reported', number: true, cell: (r) => r.value },
                ]}
              />
            </div>
          )}
        </details>
      </div>
    </Card>
  )
}

function Alarms({ alarms }: { alarms: Entries }) {
  if (alarms.length === 0) return <Status tone="ok">No alarm is set.</Status>
  return (
    <ul className="stack-small" aria-label="Alarms">
      {alarms.map(([name, value]) => (
        <li key={name} className="row">
          <Status tone="bad">
            <strong>{name}</strong>
          </Status>
          <span className="muted">{text(value)}</span>
        </li>
      ))}
    </ul>
  )
}

export function NoHealth() {
  const at = useDeviceAddress()
  const extensions = useExtensions()
  const health = extensions.data?.health
  return (
    <Empty title="No health report yet">
      <p>
        The server asks devices with nerves_hub_link 2.6 or later for their processor, memory, disk and alarms, each hour and when somebody wants it.
        The newest report and charts of all of them stand here. To see reports come in from a terminal:
      </p>
      {health && (!health.device || !health.product) ? (
        <>
          <Notice kind="warn">The extension is switched off.</Notice>
          <ExtensionSwitch name="health" at={at} states={health} />
        </>
      ) : (
        <>
          <Command text={`nervecenter device events ${shellWord(at.device)} ${productFlags(at.org, at.product)}`} />
          <AskForReport />
        </>
      )}
    </Empty>
  )
}

/** Asks the device for a report; it comes a moment later. */
function AskForReport() {
  const at = useDeviceAddress()
  const ask = () =>
    attempt('The device was asked for a report. One that is online answers in a moment.', () =>
      data(api.GET(`${D}/health`, { params: { path: at, query: { limit: 1, refresh: true } } })),
    )
  return (
    <Button small onClick={() => void ask()}>
      Ask for a report now
    </Button>
  )
}
