/** Support scripts of the product: found, read, and run on this device. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useCallback, useState } from 'react'
import { api, take } from '../../api/client'
import { paths } from '../../paths'
import { Button, buttonClass } from '../../ui/button'
import { TextField } from '../../ui/form'
import { Card, Command, Empty, Failure, Notice, Skeleton, Tags } from '../../ui/layout'
import { Pager, Table } from '../../ui/table'
import { useConnected, useDevice, useDeviceAddress, useMayManage, type ScriptEntry } from './device'
import { pageOf, useTyped } from './paging'
import { RunScript, Runs, useRuns } from './script-runs'
import { useTexts } from './search'
import css from './device.module.css'

export default function Scripts() {
  const at = useDeviceAddress()
  const { org, product } = at
  const { may } = useMayManage()
  const device = useDevice()
  const connected = useConnected(device.data, device.dataUpdatedAt)
  const [text, change] = useTexts('scripts')
  const [asked, page] = [text('q'), pageOf(text('page'))]
  const [typed, setTyped] = useTyped(
    asked,
    useCallback((q: string) => change({ q, page: '' }), [change]),
  )
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
      {!may && <p className="muted">Running a script takes the role manage. You may look at what there is.</p>}
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
  const { may, note } = useMayManage()
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
            <Button small disabled={!may} title={note} aria-label={`Run ${s.name}`} onClick={() => onRun(s)}>
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
      <Command text={`nervecenter script create disk-use disk_use.exs --org ${org} --product ${product}`} />
      <Link className={buttonClass} {...paths.product(org, product, 'scripts')}>
        Write the first script
      </Link>
    </Empty>
  )
}
