/** Entries of the audit log as a table, with their details on demand. */
import { Link } from '@tanstack/react-router'
import type { AuditEntry } from '../../api/types'
import { paths, type Target } from '../../paths'
import { Table } from '../../ui/table'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'
import css from './org.module.css'

const ACTORS: Record<string, string> = { user: 'person', device: 'device', deployment_group: 'rule of a group' }

type Props = { org: string; entries: readonly AuditEntry[]; onActor: (actor: string) => void }

export function AuditTable({ org, entries, onActor }: Props) {
  return (
    <Table
      label="Entries of the audit log"
      rows={entries}
      rowKey={(e) => e.id}
      none="No entry is like this."
      columns={([
        { name: 'When', cell: (e) => <span className={css.when}><Time at={e.at} /></span> },
        { name: 'Who', cell: (e) => <Actor entry={e} onActor={onActor} /> },
        { name: 'What', names: true, cell: (e) => <What entry={e} /> },
        { name: 'To', cell: (e) => <Resource org={org} entry={e} /> },
        { name: 'Product', cell: (e) => (e.product ? <Link className={css.link} {...paths.product(org, e.product)}>{e.product}</Link> : <span className="muted">–</span>) },
        {
          name: 'Number',
          number: true,
          cell: (e) => (e.sequence === null ? <span className="muted" title="It is sealed within seconds.">not sealed yet</span> : count(e.sequence)),
        },
      ])}
    />
  )
}

function Actor({ entry: { actor, actor_email, actor_type }, onActor }: { entry: AuditEntry; onActor: (actor: string) => void }) {
  if (!actor) return <span className="muted">{ACTORS[actor_type] ?? actor_type} that is gone</span>
  if (!actor_email) return <span title={ACTORS[actor_type] ?? actor_type}>{actor}</span>
  return (
    <button type="button" className={css.actor} title={`${actor_email}: show all of their entries`} onClick={() => onActor(actor_email)}>
      {actor}
    </button>
  )
}

function What({ entry: { description, details } }: { entry: AuditEntry }) {
  const has = details !== null && details !== undefined
  return (
    <div className={css.what}>
      {description}
      {has && (
        <details>
          <summary className="small muted">Details</summary>
          <div className={css.details}>
            <pre>{typeof details === 'string' ? details : JSON.stringify(details, null, 2)}</pre>
          </div>
        </details>
      )}
    </div>
  )
}

function Resource({ org, entry: { resource, resource_type, product } }: { org: string; entry: AuditEntry }) {
  if (!resource) return <span className="muted">–</span>
  const target = targetOf(org, product, resource_type, resource)
  return target ? <Link className={css.link} {...target}>{resource}</Link> : <span>{resource}</span>
}

function targetOf(org: string, product: string | null, type: string, name: string): Target | null {
  if (product && type === 'device') return paths.device(org, product, name)
  if (product && type === 'deployment_group') return paths.group(org, product, name)
  return null
}
