/** Registers a public key: as text, or read from the file that a tool made. */
import { useState } from 'react'
import { api, take } from '../../api/client'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { TextField, useForm } from '../../ui/form'
import { useServer } from '../settings/server'
import { FileText } from './parts/file-text'

export function NewKey({ org, onClose }: { org: string; onClose: () => void }) {
  const [name, setName] = useState('')
  const [key, setKey] = useState('')
  const server = useServer()
  const form = useForm(async () => {
    // PEM is what ESP-IDF's tools write; fwup's keys are 32 bytes of base64.
    const scheme = key.trim().startsWith('-----BEGIN') ? 'secure_boot_v2_rsa' : 'ed25519'
    await take(api.POST('/api/orgs/{org}/keys', { params: { path: { org } }, body: { name: name.trim(), key: key.trim(), scheme } }))
    await queries.invalidateQueries({ queryKey: ['keys', org] })
    onClose()
  }, ['name', 'key'])
  const espIdf = server.data?.features.includes('esp_idf')
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <TextField label="Name" required autoFocus value={name} error={form.error('name')} onChange={(e) => setName(e.target.value)} placeholder="release" />
      <FileText
        label="Public key"
        hint={
          <>
            The file release.pub of <code>nervecenter firmware keygen -o release</code>, or fwup-key.pub of <code>fwup -g</code>: 32 bytes in
            base64.
            {espIdf && ' For ESP-IDF images: an RSA-3072 public key in PEM.'} Never the private key.
          </>
        }
        value={key}
        error={form.error('key')}
        onChange={setKey}
        placeholder="sqlHrXLW97t/EDWuuAmBfozfPKLvRcAzu9xfgY5kb1U="
        accept=".pub,.pem"
      />
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Add it
        </Button>
      </DialogButtons>
    </form>
  )
}
