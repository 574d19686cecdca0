/** A search field whose text stands in the address: the server is asked a moment after the last key. */
import { TextField } from '../../../ui/form'
import { useTyped } from '../../../ui/use-typed'
import type { Url } from '../../../address/url'

export function TypedField({ url, name, label, placeholder }: { url: Url; name: string; label: string; placeholder: string }) {
  const [text, setText] = useTyped(url.text(name), (wanted) => url.change({ [name]: wanted, page: undefined }))
  return <TextField label={label} type="search" placeholder={placeholder} value={text} onChange={(e) => setText(e.target.value)} />
}
