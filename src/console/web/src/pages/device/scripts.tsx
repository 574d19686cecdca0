/** Support scripts of the product: found, read, and run on this device. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, take } from '../../api/client'
import { paths } from '../../paths'
import { Button, buttonClass } from '../../ui/button'
import { TextField } from '../../ui/form'
import { Card, Command, Empty, Failure, Notice, Skeleton, Tags } from '../../ui/layout'
import { Pager, Table } from '../../ui/table'
import { productFlags } from '../../ui/shell-word'
import type { ScriptEntry } from '../scripts/script'
import { useTyped } from '../../ui/use-typed'
import { pageNumber } from '../../address/paged'
import { useUrl } from '../../address/url'
import { useConnected, useDevice, useDeviceAddress } from './device'
import { RunScript, Runs, useRuns } from './script-runs'
import css from './device.module.css'

export default function Scripts() {
  const at = useDeviceAddress()
  const { org, product } = at
  const device = useDevice()
  const connected = useConnected(device.data, device.dataUpdatedAt)
  const { text, change } = useUrl()
  const [asked, page] = [text('q'), pageNumber(text('page'))]
  const [typed, setTyped] = useTyped(asked, (q) => change({ q, page: '' }))
  const [running, setRunning] = useState<ScriptEntry | null>(null)
  const runs = useRuns()
  const scripts = useQuery({
    queryKey: ['scripts', org, product, asked, page],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const query = { 'filters[search]': asked || undefined, 'pagination[page]': page }
      return take(api.GET('/api/orgs/{org}/products/{product}/scripts', { params: { path: { org, product }, query: query as never }, signal }))
    },
  })
  if (scripts.error) return <Failure error={scripts.error} again={() => void scripts.refetch()} />
  if (!scripts.data) return <Skeleton lines={4} />
  if (scripts.data.data.length === 0 && !asked && !typed) return <NoScripts />
  return (
    <>
      {!connected.online && (
        <Notice kind="warn">
          The device is {connected.word}. A script runs only on a device that is connected, with nerves_hub_link 2.5 or later.
        </Notice>
      )}
      <Runs runs={runs.all} onForget={runs.forget} />
      <Card
        title="Scripts of the product"
        actions={
          <Link className="small" {...paths.product(org, product, 'scripts')}>
            write and change scripts
          </Link>
        }
      >
        <div className="stack-small">
          <div className={css.search}>
            <TextField label="Find a script" value={typed} onChange={(e) => setTyped(e.target.value)} placeholder="A part of its name or of a tag" />
          </div>
          <ScriptTable scripts={scripts.data.data} asked={asked} onRun={setRunning} />
          <Pager at={scripts.data.pagination} onPage={(n) => change({ page: n === 1 ? '' : String(n) }, true)} />
        </div>
      </Card>
      <RunScript script={running} online={connected.online} onClose={() => setRunning(null)} onRun={runs.run} />
    </>
  )
}

function ScriptTable({ scripts, asked, onRun }: { scripts: readonly ScriptEntry[]; asked: string; onRun: (script: ScriptEntry) => void }) {
  return (
    <Table
      label="Scripts"
      rows={scripts}
      rowKey={(s) => s.id}
      none={`No script has "${asked}" in its name or tags.`}
      columns={[
        { name: 'Name', names: true, cell: (s) => s.name },
        { name: 'Tags', cell: (s) => <Tags tags={s.tags} /> },
        {
          name: 'Action',
          number: true,
          cell: (s) => (
            <Button small aria-label={`Run ${s.name}`} onClick={() => onRun(s)}>
              Run…
            </Button>
          ),
        },
      ]}
    />
  )
}

function NoScripts() {
  const { org, product } = useDeviceAddress()
  return (
    <Empty title="No script yet">
      <p>
        A support script is Elixir code that is kept for the product and runs in the IEx of a device, where its output is shown: what a person would
        type into the console again and again. Write one here, or keep a file:
      </p>
      <Command text={`nervecenter script create disk-use disk_use.exs ${productFlags(org, product)}`} />
      <Link className={buttonClass} {...paths.product(org, product, 'scripts')}>
        Write the first script
      </Link>
    </Empty>
  )
}
