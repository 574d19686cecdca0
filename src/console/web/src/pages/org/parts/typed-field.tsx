/** A search field whose text stands in the address: the server is asked a moment after the last key. */
import { useEffect, useRef, useState } from 'react'
import { TextField } from '../../../ui/form'
import type { Url } from './url'

const PAUSE = 300

export function TypedField({ url, name, label, placeholder }: { url: Url; name: string; label: string; placeholder: string }) {
  const asked = url.text(name)
  const own = useRef(asked)
  const [text, setText] = useState(asked)
  const { change } = url
  // The address changes by other means, too; what was typed meanwhile must not be lost to our own change.
  useEffect(() => {
    if (asked !== own.current) setText(asked)
    own.current = asked
  }, [asked])
  useEffect(() => {
    const wanted = text.trim()
    if (wanted === own.current) return
    const timer = window.setTimeout(() => {
      own.current = wanted
      change({ [name]: wanted, page: undefined })
    }, PAUSE)
    return () => window.clearTimeout(timer)
  }, [text, name, change])
  return <TextField label={label} type="search" placeholder={placeholder} value={text} onChange={(e) => setText(e.target.value)} />
}
