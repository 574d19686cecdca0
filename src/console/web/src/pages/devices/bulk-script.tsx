/** The script that selected devices run: chosen among those of the product, read, and given a time to answer. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, take } from '../../api/client'
import type { Pagination } from '../../api/types'
import { useProduct } from '../../product'
import { SelectField, TextField } from '../../ui/form'
import { Failure } from '../../ui/layout'
import { useSettled } from '../../ui/use-settled'
import { FIRST_WAIT, WAITS, useScript, type ScriptEntry } from '../scripts/script'
import { ScriptText } from '../scripts/shown'

/** How many scripts are offered at once; among more one is searched for. */
const OFFERED = 100

/** A script and how long to wait for a device, in milliseconds. */
export type ChosenScript = { id: number; name: string; wait: string }

type Props = { chosen: ChosenScript | null; onChange: (chosen: ChosenScript) => void }

export function ScriptArgument({ chosen, onChange }: Props) {
  const { org, product } = useProduct()
  const [search, setSearch] = useState('')
  const asked = useSettled(search.trim(), 250)
  const scripts = useQuery({
    queryKey: ['scripts', org, product, 'offered', asked],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const query = { 'filters[search]': asked || undefined, 'pagination[page_size]': OFFERED }
      const answer = api.GET('/api/orgs/{org}/products/{product}/scripts', { params: { path: { org, product }, query: query as never }, signal })
      return (await take(answer)) as { data: ScriptEntry[]; pagination: Pagination }
    },
  })
  if (scripts.error) return <Failure error={scripts.error} again={() => void scripts.refetch()} />
  const found = scripts.data?.data ?? []
  // One that was chosen before stays, whatever is searched for now.
  const offered = chosen && !found.some((s) => s.id === chosen.id) ? [chosen, ...found] : found
  const options = [
    { value: '', label: 'Choose one', disabled: true },
    ...offered.map((s) => ({ value: String(s.id), label: offered.some((o) => o.name === s.name && o.id !== s.id) ? `${s.name} (number ${s.id})` : s.name })),
  ]
  const many = search !== '' || (scripts.data?.pagination.total_entries ?? 0) > OFFERED
  const choose = (value: string) => {
    const script = offered.find((s) => String(s.id) === value)
    if (script) onChange({ id: script.id, name: script.name, wait: chosen?.wait ?? FIRST_WAIT })
  }
  return (
    <>
      {many && <TextField label="Find a script" hint="A part of its name or of a tag." value={search} onChange={(e) => setSearch(e.target.value)} />}
      <SelectField
        label="Script"
        hint="Elixir code that runs in the IEx of each device, with all that the firmware may do. What it changes there stays changed."
        options={options}
        value={chosen ? String(chosen.id) : ''}
        onChange={choose}
      />
      {chosen && <Text key={chosen.id} id={chosen.id} />}
      <SelectField
        label="Wait for each answer at most"
        options={WAITS}
        value={chosen?.wait ?? FIRST_WAIT}
        disabled={!chosen}
        onChange={(wait) => chosen && onChange({ ...chosen, wait })}
      />
    </>
  )
}

function Text({ id }: { id: number }) {
  const { org, product } = useProduct()
  return <ScriptText script={useScript(org, product, id)} />
}
