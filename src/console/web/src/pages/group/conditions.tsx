/** The conditions of a group as fields: tags and a requirement of the version. */
import { SelectField, TextField } from '../../ui/form'
import type { Conditions } from './group-api'

/** Conditions as they are typed. */
export type Typed = { tags: string; operator: 'and' | 'or'; version: string }

export const EVERYBODY: Typed = { tags: '', operator: 'and', version: '' }

export function typedOf(c: Conditions): Typed {
  return { tags: c.tags.join(', '), operator: c.tag_operator === 'or' ? 'or' : 'and', version: c.version }
}

/** The words of a text with commas between them. */
export function wordsOf(text: string): string[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean)
}

/** The conditions as the API takes them. */
export function conditionsOf(typed: Typed): Conditions & { tag_operator: 'and' | 'or' } {
  return { tags: wordsOf(typed.tags), tag_operator: typed.operator, version: typed.version.trim() }
}

export function conditionsText(c: Conditions): string {
  const tags = c.tags.length ? `tagged ${c.tags.join(c.tag_operator === 'or' ? ' or ' : ' and ')}` : ''
  const version = c.version ? `running ${c.version}` : ''
  return [tags, version].filter(Boolean).join(', ') || 'every device of its platform'
}

type Props = { typed: Typed; onChange: (typed: Typed) => void; error: (field: string) => string | undefined; disabled?: boolean }

export function ConditionFields({ typed, onChange, error, disabled }: Props) {
  const several = wordsOf(typed.tags).length > 1
  return (
    <>
      <TextField
        label="Tags"
        hint="With commas between them; without any, devices are taken whatever their tags."
        value={typed.tags}
        error={error('conditions.tags')}
        disabled={disabled}
        onChange={(e) => onChange({ ...typed, tags: e.target.value })}
      />
      {several && (
        <SelectField
          label="Of these tags a device needs"
          value={typed.operator}
          disabled={disabled ?? false}
          onChange={(operator) => onChange({ ...typed, operator: operator === 'or' ? 'or' : 'and' })}
          options={[
            { value: 'and', label: 'all of them' },
            { value: 'or', label: 'one of them' },
          ]}
        />
      )}
      <TextField
        label="Version that it runs"
        hint="A requirement such as >= 1.2.0 or ~> 2.1; empty for any version."
        mono
        value={typed.version}
        error={error('conditions.version') ?? error('conditions')}
        disabled={disabled}
        onChange={(e) => onChange({ ...typed, version: e.target.value })}
      />
    </>
  )
}
