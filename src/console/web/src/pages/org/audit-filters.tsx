/** Narrows the audit log by text, person and time; all of it stands in the address. */
import { TextField } from '../../ui/form'
import { TypedField } from './parts/typed-field'
import type { Url } from './parts/url'
import css from './org.module.css'

export function AuditFilters({ url }: { url: Url }) {
  return (
    <div className={css.filters}>
      <TypedField url={url} name="search" label="What" placeholder="a part of the text" />
      <TypedField url={url} name="actor" label="Who" placeholder="email or name of a person" />
      <When url={url} name="since" label="From" />
      <When url={url} name="until" label="Until" />
    </div>
  )
}

/** A time of the viewer's zone; the address and the API have it in UTC, so that a link means the same to everybody. */
function When({ url, name, label }: { url: Url; name: string; label: string }) {
  const change = (text: string) => {
    const at = new Date(text)
    url.change({ [name]: Number.isNaN(at.getTime()) ? undefined : at.toISOString().replace(/\.\d+/, ''), page: undefined })
  }
  return <TextField label={label} type="datetime-local" value={localOf(url.text(name))} onChange={(e) => change(e.target.value)} />
}

/** A time in UTC as `datetime-local` fields take it. */
function localOf(text: string): string {
  const at = new Date(text)
  if (!text || Number.isNaN(at.getTime())) return ''
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
