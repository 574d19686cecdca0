/** What the audit log is narrowed by: words, a person, and a time that is relative to now or a range. */
import { useId, useState } from 'react'
import { Button } from '../../ui/button'
import { Select } from '../../ui/form'
import { type Filters, SearchField } from '../../address/filters'
import { UNFILTERED, isFiltered, localOf, momentOf } from './asked'
import css from './audit.module.css'

const RANGE = 'range'
const SINCE = [
  { value: '', label: 'Any time' },
  { value: 'now-1h', label: 'The last hour' },
  { value: 'now-24h', label: 'The last 24 hours' },
  { value: 'now-7d', label: 'The last 7 days' },
  { value: 'now-30d', label: 'The last 30 days' },
  { value: RANGE, label: 'From … to …' },
]

type Props = { filters: Filters; onChange: (changed: Record<string, string>) => void }

export function AuditFilters({ filters, onChange }: Props) {
  const preset = SINCE.some((s) => s.value === (filters.since ?? '')) && !filters.until
  const [range, setRange] = useState(!preset)
  const shown = range || !preset ? RANGE : (filters.since ?? '')
  const chosen = (value: string) => {
    setRange(value === RANGE)
    if (value !== RANGE) onChange({ since: value, until: '' })
    // A range begins as the moments that were looked at.
    else if (filters.since) onChange({ since: momentOf(filters.since) ?? '' })
  }
  return (
    <div className="row" role="search" aria-label="Narrow the log">
      <SearchField label="Search what was done" value={filters.q ?? ''} onChange={(q) => onChange({ q })} />
      <SearchField label="Name or email of a person" value={filters.actor ?? ''} onChange={(actor) => onChange({ actor })} />
      <Select label="When" options={SINCE} value={shown} onChange={chosen} />
      {shown === RANGE && (
        <>
          <Moment label="from" value={filters.since} onChange={(since) => onChange({ since })} />
          <Moment label="to" value={filters.until} onChange={(until) => onChange({ until })} />
        </>
      )}
      {isFiltered(filters) && (
        <Button
          small
          kind="plain"
          onClick={() => {
            setRange(false)
            onChange(UNFILTERED)
          }}
        >
          Clear
        </Button>
      )}
    </div>
  )
}

/** A moment in the viewer's time zone; the address has it in UTC, so that it is the same for whoever opens it. */
function Moment({ label, value, onChange }: { label: string; value: string | undefined; onChange: (moment: string) => void }) {
  const id = useId()
  return (
    <span className={css.moment}>
      <label htmlFor={id} className="small muted">
        {label}
      </label>
      <input
        id={id}
        type="datetime-local"
        className={css.time}
        value={localOf(momentOf(value))}
        onChange={(e) => onChange(momentOf(e.target.value) ?? '')}
      />
    </span>
  )
}
