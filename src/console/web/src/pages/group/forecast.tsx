/** What a release would do before there is one: whom it reaches, who is kept out, and each step with its bytes. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api, data } from '../../api/client'
import { Problem } from '../../api/problem'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Failure, Notice, Skeleton } from '../../ui/layout'
import { Table } from '../../ui/table'
import { bytes, count, counted } from '../../ui/text'
import { Time } from '../../ui/time'
import { useSettled } from '../../ui/use-settled'
import { type Conditions, type Forecast, type GroupAddress, groupKey } from './group-api'
import { laterText, stepName } from './step-words'
import css from './group.module.css'

/** What a group with these conditions would do with a firmware; asks for nothing without one. */
export function usePreview(firmware: string, conditions: Conditions) {
  const { org, product } = useProduct()
  const asked = useSettled({ firmware, conditions })
  return useQuery<Forecast>({
    queryKey: ['deployment-preview', org, product, asked],
    enabled: asked.firmware !== '',
    placeholderData: keepPreviousData,
    retry: false,
    queryFn: ({ signal }) => {
      const path = { org, product }
      return data(api.POST('/api/orgs/{org}/products/{product}/deployment_preview', { params: { path }, body: asked as never, signal }))
    },
  })
}

/** What a release of a group would do, with settings as they would be then; `current` when the answer is for this very proposal. */
export function useDryRun(at: GroupAddress, proposal: Record<string, unknown>) {
  const asked = useSettled(proposal)
  const dry = useQuery<Forecast>({
    queryKey: groupKey(at, 'dry-run', asked),
    placeholderData: keepPreviousData,
    retry: false,
    queryFn: ({ signal }) =>
      data(api.POST('/api/orgs/{org}/products/{product}/deployments/{name}/dry_run', { params: { path: at.path }, body: asked as never, signal })),
  })
  return { dry, current: dry.isSuccess && !dry.isPlaceholderData && JSON.stringify(asked) === JSON.stringify(proposal) }
}

/** What a forecast refuses at a field of the conditions, which is shown while one types. */
export function refusedAt(error: unknown, field: string): string | undefined {
  return error instanceof Problem ? error.fields[field] : undefined
}

/** What stands where a forecast cannot be shown: nothing yet, or why the server refused. */
export function ForecastState({ query }: { query: { isPending: boolean; isEnabled?: boolean; error: unknown; refetch: () => unknown } }) {
  if (query.error instanceof Problem && query.error.status === 422) {
    const atFields = Object.keys(query.error.fields).some((f) => f.startsWith('conditions'))
    return atFields ? (
      <p className="muted">What they take is shown when the conditions are right.</p>
    ) : (
      <Notice kind="warn">{query.error.message}</Notice>
    )
  }
  if (query.error) return <Failure error={query.error} again={() => void query.refetch()} />
  return query.isPending && query.isEnabled !== false ? <Skeleton /> : null
}

/** How many devices the conditions take, and where they are now. */
export function Matches({ forecast: f, group }: { forecast: Forecast; group?: string }) {
  const { org, product } = useProduct()
  const others = f.by_group.filter((g) => g.name !== null && g.name !== group)
  const free = f.by_group.find((g) => g.name === null)?.count ?? 0
  return (
    <div className="stack-small" aria-live="polite">
      <p>
        <strong className="num">{counted(f.devices, 'device')}</strong> {f.devices === 1 ? 'matches' : 'match'}; {count(f.already)} of them{' '}
        {f.already === 1 ? 'runs' : 'run'} <span className="mono">{f.firmware.version}</span> already.
      </p>
      {f.devices > 0 && (
        <ul className={`small ${css.bullets}`}>
          {group && <li>{count(f.by_group.find((g) => g.name === group)?.count ?? 0)} are in this group</li>}
          {free > 0 && <li>{count(free)} are in no group and enter this one when they connect while it is active</li>}
          {others.map((g) => (
            <li key={g.name}>
              {count(g.count)} are in <Link {...paths.group(org, product, g.name ?? '')}>{g.name}</Link>, where they stay until this group adopts them
            </li>
          ))}
        </ul>
      )}
      <KeptOut forecast={f} />
    </div>
  )
}

const KEPT: Record<string, string> = {
  updates_enabled: 'have automatic updates switched off',
  fwup_is_new_enough: 'have a fwup that is too old for the file',
  release_tags: 'lack the tags that the group updates',
  network_interface: 'speak over another interface than the group updates',
}

const LATER: Record<string, string> = {
  connected: 'are offline and get it when they connect',
  firmware_validated: 'have not marked what they run as good',
  not_blocked: 'are in the penalty box',
  nothing_in_flight: 'have another update in flight',
}

/** Devices that do not get it, and those that get it later, by the rule. */
export function KeptOut({ forecast: f }: { forecast: Forecast }) {
  const { org, product } = useProduct()
  if (f.kept_out.length + f.not_now.length === 0) return null
  return (
    <ul className={`small ${css.bullets}`}>
      {f.kept_out.map((k) => (
        <li key={k.rule}>
          <strong className="num">{count(k.count)}</strong> do not get it: they {KEPT[k.rule] ?? k.rule.replaceAll('_', ' ')} (
          {k.devices.map((d, i) => (
            <span key={d}>
              {i > 0 && ', '}
              <Link className="mono" {...paths.device(org, product, d)}>
                {d}
              </Link>
            </span>
          ))}
          {k.count > k.devices.length && ` and ${count(k.count - k.devices.length)} more`})
        </li>
      ))}
      {f.not_now.map((n) => (
        <li key={n.rule}>
          <strong className="num">{count(n.count)}</strong> get it later: they {LATER[n.rule] ?? n.rule.replaceAll('_', ' ')}
        </li>
      ))}
    </ul>
  )
}

/** Each step with its devices, bytes and times. */
export function ForecastSteps({ forecast: f }: { forecast: Forecast }) {
  return (
    <Table
      label="Steps of the release"
      rows={f.steps.map((step, i) => ({ ...step, number: i + 1 }))}
      rowKey={(s) => s.number}
      none="Nothing is left to do."
      columns={[
        { name: 'Step', names: true, cell: (s) => `${s.number} ${stepName(s.name, f.steps.length)}` },
        { name: 'Devices', number: true, cell: (s) => (s.type === 'approval_required' ? '–' : count(s.devices)) },
        { name: 'Ready now', number: true, cell: (s) => (s.type === 'approval_required' ? '–' : count(s.ready)) },
        { name: 'Bytes', number: true, cell: (s) => (s.bytes ? `${bytes(s.bytes)}${s.deltas ? `, ${counted(s.deltas, 'delta')}` : ''}` : '–') },
        { name: 'Begins', cell: (s) => <Time at={s.begins_at} /> },
        { name: 'Sent', cell: (s) => <Sent step={s} /> },
        { name: 'Then it waits for', cell: (s) => (s.then.length ? s.then.join('; ') : <span className="muted">nothing</span>) },
      ]}
    />
  )
}

/** When a step has sent everything to the devices that are ready; the others get it when what they wait for is over. */
function Sent({ step }: { step: Forecast['steps'][number] }) {
  const later = laterText(step)
  if (later && step.ready === 0) return <>{later}</>
  return (
    <>
      <Time at={step.sent_at} />
      {later && `, ${later}`}
    </>
  )
}
