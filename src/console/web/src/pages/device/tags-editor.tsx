/** The tags of a device, changed in place. */
import { Plus, X } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import type { Device } from '../../api/types'
import { Button, IconButton } from '../../ui/button'
import { Tags } from '../../ui/layout'
import { attempt } from '../../ui/toast'
import { tagsOf } from '../devices/new-device'
import { changeDevice, useDeviceAddress, useMayManage } from './device'
import css from './tags-editor.module.css'

export function TagsEditor({ device }: { device: Device }) {
  const at = useDeviceAddress()
  const { may, note } = useMayManage()
  const [adding, setAdding] = useState(false)
  const [text, setText] = useState('')
  const tags = device.tags ?? []
  const set = (after: readonly string[], told: string) =>
    attempt(
      told,
      () => changeDevice(at, { tags: after }),
      () => changeDevice(at, { tags }),
    )
  const add = async (event: FormEvent) => {
    event.preventDefault()
    const added = tagsOf(text).filter((tag) => !tags.includes(tag))
    if (added.length === 0 || (await set([...tags, ...added], `Added ${added.join(', ')}.`))) {
      setText('')
      setAdding(false)
    }
  }
  if (!may) {
    return (
      <span className="row" title={note}>
        <Tags tags={tags} />
      </span>
    )
  }
  return (
    <div className={css.tags}>
      {tags.map((tag) => (
        <span key={tag} className={css.tag}>
          <span className={css.text}>{tag}</span>
          <button
            type="button"
            className={css.remove}
            aria-label={`Remove the tag ${tag}`}
            onClick={() =>
              void set(
                tags.filter((t) => t !== tag),
                `Removed ${tag}.`,
              )
            }
          >
            <X size={12} aria-hidden />
          </button>
        </span>
      ))}
      {adding ? (
        <form className={css.form} onSubmit={(e) => void add(e)}>
          <input
            className={css.input}
            aria-label="New tags, with commas between them"
            value={text}
            autoFocus
            onChange={(e) => setText(e.target.value)}
            onKeyDown={(e) => e.key === 'Escape' && setAdding(false)}
          />
          <Button small type="submit">
            Add
          </Button>
        </form>
      ) : (
        <IconButton small label="Add a tag" onClick={() => setAdding(true)}>
          <Plus size={14} aria-hidden />
        </IconButton>
      )}
    </div>
  )
}
