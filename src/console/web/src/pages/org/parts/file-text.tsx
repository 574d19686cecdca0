/** A field for the text of a small file: pasted, or read from a file that is chosen or dropped on it. */
import { type ReactNode, useState } from 'react'
import { TextArea } from '../../../ui/form'
import { base64 } from './base64'
import css from '../org.module.css'

/** Larger files are no keys and no certificates. */
const LARGEST = 65_536

type Props = {
  label: string
  hint?: ReactNode
  error?: string | undefined
  value: string
  onChange: (text: string) => void
  placeholder?: string
  accept?: string
}

export function FileText({ label, hint, error, value, onChange, placeholder, accept }: Props) {
  const [problem, setProblem] = useState<string>()
  const read = (file: File | undefined) => {
    if (!file) return
    if (file.size > LARGEST) {
      setProblem(`${file.name} is too large for this.`)
      return
    }
    setProblem(undefined)
    void file.arrayBuffer().then((bytes) => onChange(textOf(new Uint8Array(bytes))))
  }
  return (
    <div
      className="stack-small"
      onDragOver={(e) => e.preventDefault()}
      onDrop={(e) => {
        e.preventDefault()
        read(e.dataTransfer.files[0])
      }}
    >
      <TextArea
        label={label}
        hint={hint}
        error={error ?? problem}
        mono
        required
        rows={4}
        spellCheck={false}
        value={value}
        placeholder={placeholder}
        onChange={(e) => onChange(e.target.value)}
      />
      <input
        type="file"
        className={css.file}
        aria-label={`${label}: read a file`}
        accept={accept}
        onChange={(e) => {
          read(e.target.files?.[0])
          // The same file can be chosen again after it was mended.
          e.target.value = ''
        }}
      />
    </div>
  )
}

/** Text as it is, other bytes as base64, which is what the API takes for both. */
function textOf(bytes: Uint8Array): string {
  if (bytes.every((b) => b === 9 || b === 10 || b === 13 || (b >= 32 && b < 127))) return new TextDecoder().decode(bytes)
  return base64(bytes)
}
