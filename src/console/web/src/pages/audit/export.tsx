/** Files of the audit log: all entries of an organization that the filters leave, however many. */
import { Download } from 'lucide-react'
import { buttonClass } from '../../ui/button'
import { askedOf } from './asked'
import type { Filters } from '../../address/filters'

export function AuditExport({ org, filters }: { org: string; filters: Filters }) {
  const asked = Object.entries(askedOf(filters)).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const href = (format: string) =>
    `/api/orgs/${encodeURIComponent(org)}/audit_logs/export?${new URLSearchParams([...asked, ['format', format]]).toString()}`
  return ['csv', 'json'].map((format) => (
    <a key={format} className={buttonClass} href={href(format)} download={`${org}-audit.${format}`}>
      <Download size={15} aria-hidden /> {format.toUpperCase()}
    </a>
  ))
}
