/** Entries of the audit log of an organization, a product or a device: when, who, what, on what, and details on demand. */
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import type { AuditEntry } from '../../api/types'
import { paths, type Target } from '../../paths'
import { Table, type Column } from '../../ui/table'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'
import css from './audit.module.css'

const KINDS: Record<string, string> = { user: 'person', device: 'device', deployment_group: 'deployment group' }

type Props = {
  label: string
  entries: readonly AuditEntry[]
  org: string
  /** The product that all of them are in. */
  product?: string
  /** The device that all of them are about. */
  device?: string
  /** Shows what one person did. */
  onActor?: (actor: string) => void
  none?: ReactNode
}

export function AuditTable({ label, entries, org, product, device, onActor, none }: Props) {
  const columns: Column<AuditEntry>[] = [
    { name: 'When', cell: (e) => <span className={css.when}><Time at={e.at} /></span> },
    { name: 'Who', cell: (e) => <Who entry={e} at={{ org, product: e.product ?? product, device }} onActor={onActor} /> },
    { name: 'What', names: true, cell: (e) => <What entry={e} /> },
  ]
  if (!device) columns.push({ name: 'On', cell: (e) => <On entry={e} target={targetOf(org, e.product ?? product, e.resource_type, e.resource)} /> })
  if (!product) columns.push({ name: 'Product', cell: (e) => <InProduct org={org} product={e.product} /> })
  columns.push({ name: 'Number', number: true, cell: (e) => <Sequence entry={e} /> })
  return <Table label={label} rows={entries} rowKey={(e) => e.id} columns={columns} none={none} />
}

/** The page of what acted or was acted on, where it has one. */
function targetOf(org: string, product: string | null | undefined, type: string, name: string | null, tab?: string): Target | null {
  if (!product || !name) return null
  if (type === 'device') return paths.device(org, product, name, tab)
  if (type === 'deployment_group') return paths.group(org, product, name, tab)
  return null
}

type WhoProps = { entry: AuditEntry; at: { org: string; product: string | undefined; device: string | undefined }; onActor: Props['onActor'] }

function Who({ entry: { actor, actor_email, actor_type }, at, onActor }: WhoProps) {
  const kind = KINDS[actor_type] ?? actor_type
  if (!actor) return <span className="muted">{kind} that is gone</span>
  if (actor_type === 'device' && actor === at.device) return <span className="muted">the device</span>
  const target = targetOf(at.org, at.product, actor_type, actor, 'activity')
  if (target) return <Link className={css.link} title={kind} {...target}>{actor}</Link>
  const asked = actor_email ?? actor
  if (actor_type !== 'user' || !onActor) return <span title={actor_email ?? kind}>{actor}</span>
  return (
    <button type="button" className={css.actor} title={`Only what ${asked} did`} onClick={() => onActor(asked)}>
      {actor}
    </button>
  )
}

function What({ entry: { description, details } }: { entry: AuditEntry }) {
  return (
    <div className={css.what}>
      {description}
      {details !== null && details !== undefined && (
        <details>
          <summary className="small muted" aria-label={`Details of: ${description}`}>
            Details
          </summary>
          <pre className={css.details} tabIndex={0} aria-label="Details">
            {typeof details === 'string' ? details : JSON.stringify(details, null, 2)}
          </pre>
        </details>
      )}
    </div>
  )
}

function On({ entry: { resource, resource_type }, target }: { entry: AuditEntry; target: Target | null }) {
  if (!resource) return <span className="muted">gone</span>
  if (target) return <Link className={css.link} {...target}>{resource}</Link>
  return (
    <>
      {resource} <span className="muted">{resource_type.replaceAll('_', ' ')}</span>
    </>
  )
}

function InProduct({ org, product }: { org: string; product: string | null }) {
  if (!product) return <span className="muted">–</span>
  return <Link className={css.link} {...paths.product(org, product)}>{product}</Link>
}

function Sequence({ entry: { sequence } }: { entry: AuditEntry }) {
  if (sequence === null) return <span className="muted" title="Its number comes with its seal, within some two seconds.">…</span>
  return <>#{count(sequence)}</>
}
