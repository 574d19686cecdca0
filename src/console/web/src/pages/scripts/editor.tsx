/** Makes a script or changes one. */
import { useState } from 'react'
import { api, take } from '../../api/client'
import { useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Dialog, DialogButtons } from '../../ui/dialog'
import { TextArea, TextField, useForm } from '../../ui/form'
import { Failure, Skeleton } from '../../ui/layout'
import { Time } from '../../ui/time'
import { toast } from '../../ui/toast'
import { tagsOf } from '../devices/new-device'
import { useScript, type Script, type ScriptEntry } from './script'

export function ScriptEditor({ entry, onClose }: { entry?: ScriptEntry; onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title={entry ? `Script ${entry.name}` : 'New script'} wide>
      {entry ? <Existing id={entry.id} onClose={onClose} /> : <Form onClose={onClose} />}
    </Dialog>
  )
}

/** The list has no texts, so the script is read when it is opened. */
function Existing({ id, onClose }: { id: number; onClose: () => void }) {
  const { org, product } = useProduct()
  const script = useScript(org, product, id)
  if (script.error) return <Failure error={script.error} again={() => void script.refetch()} />
  return script.data ? <Form script={script.data} onClose={onClose} /> : <Skeleton lines={5} />
}

function Form({ script, onClose }: { script?: Script; onClose: () => void }) {
  const { org, product } = useProduct()
  const may = atLeast(useRole(org), 'manage')
  const [name, setName] = useState(script?.name ?? '')
  const [tags, setTags] = useState(((script?.tags as string[] | null | undefined) ?? []).join(', '))
  const [text, setText] = useState(script?.text ?? '')
  const form = useForm(async () => {
    const body = { name, text, tags: tagsOf(tags) }
    const path = { org, product }
    const one = { params: { path: { ...path, script: String(script?.id) } } as never }
    await (script
      ? take(api.PUT('/api/orgs/{org}/products/{product}/scripts/{script}', { ...one, body }))
      : take(api.POST('/api/orgs/{org}/products/{product}/scripts', { params: { path }, body })))
    await queries.invalidateQueries({ queryKey: ['scripts', org, product] })
    toast(`The script ${name} is saved.`)
    onClose()
  }, ['name', 'tags', 'text'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField
        label="Name"
        required
        autoFocus
        disabled={!may}
        value={name}
        error={form.error('name')}
        onChange={(e) => setName(e.target.value)}
        placeholder="uptime"
      />
      <TextField
        label="Tags"
        hint="With commas between them."
        disabled={!may}
        value={tags}
        error={form.error('tags')}
        onChange={(e) => setTags(e.target.value)}
      />
      <TextArea
        label="Elixir code"
        hint="What it prints comes back, and its last value. At most 65,536 bytes."
        mono
        required
        readOnly={!may}
        rows={12}
        spellCheck={false}
        value={text}
        error={form.error('text')}
        onChange={(e) => setText(e.target.value)}
        placeholder={'{:ok, uptime} = File.read("/proc/uptime")\nIO.puts(uptime)'}
      />
      {script && (
        <p className="small muted">
          Made by {script.created_by.name} <Time at={script.inserted_at} />, changed <Time at={script.updated_at} />.
        </p>
      )}
      <DialogButtons>
        <Button onClick={onClose}>{may ? 'Cancel' : 'Close'}</Button>
        {may && (
          <Button type="submit" kind="primary" busy={form.busy}>
            Save
          </Button>
        )}
      </DialogButtons>
    </form>
  )
}
