/** The releases of a group, newest first, with a way back to an earlier one. */
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Archive, ListedRelease } from '../../api/types'
import { paths } from '../../paths'
import { atLeast, useRole } from '../../session/session'
import { Button, buttonClass } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card, CopyButton, Failure, Notice, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { type Column, Pager, Table } from '../../ui/table'
import { counted } from '../../ui/text'
import { Time } from '../../ui/time'
import { useArchives } from '../firmware/queries'
import { useGroup, useGroupAddress, useProgress, useReleases, type rollBack } from './group-api'
import { usePage } from './use-page'
import { paged } from '../../address/paged'
import { rollBackHeld, rollBackQuestion } from './questions'

type Back = Awaited<ReturnType<typeof rollBack>>

export default function Releases() {
  const at = useGroupAddress()
  const may = atLeast(useRole(at.org), 'manage')
  const releases = useReleases(at)
  const archives = useArchives(at.org, at.product)
  const group = useGroup(at).data
  const progress = useProgress(at).data
  const [page, setPage] = usePage('releases')
  const [asking, setAsking] = useState(false)
  const [back, setBack] = useState<Back | null>(null)
  const shown = paged(releases.data ?? [], page)
  const current = group?.current_release?.number
  const held = rollBackHeld(progress)
  const columns: Column<ListedRelease>[] = [
    { name: 'Release', names: true, cell: (r) => `Release ${r.number}` },
    { name: 'Version', cell: (r) => <Version release={r} /> },
    { name: 'Archive', cell: (r) => <ArchiveOf uuid={r.archive_uuid} archives={archives.data} /> },
    { name: 'What and why', cell: (r) => <Words release={r} /> },
    {
      name: 'Made',
      cell: (r) => (
        <>
          <Time at={r.inserted_at} /> <span className="small muted">by {r.created_by ?? 'the server'}</span>
        </>
      ),
    },
    { name: 'State', cell: (r) => <State release={r} current={r.number === current} /> },
    {
      name: 'Failures',
      cell: (r) => (
        <Link
          {...paths.group(at.org, at.product, at.group, 'live', r.number === current ? undefined : { of: r.number })}
          aria-label={`Failures of release ${r.number}`}
        >
          failures
        </Link>
      ),
    },
    {
      name: 'Actions',
      cell: (r) =>
        may && (
          <Link
            className={buttonClass}
            data-size="small"
            {...paths.group(at.org, at.product, at.group, 'release', { firmware: r.firmware.uuid, archive: r.archive_uuid ?? undefined })}
          >
            Release again
          </Link>
        ),
    },
  ]
  return (
    <Card
      title="Releases"
      actions={
        <Button small kind="danger" disabled={!may || held !== null} onClick={() => setAsking(true)}>
          Roll back the current one
        </Button>
      }
    >
      <div className="stack-small">
        {!may && <p className="small muted">Rolling back and releasing take the role manage.</p>}
        {may && progress && held && <p className="small muted">The current release cannot be rolled back: {held}.</p>}
        {back && <Answer back={back} />}
        {releases.error && <Failure error={releases.error} again={() => void releases.refetch()} />}
        {releases.isPending && <Skeleton />}
        {releases.data && (
          <Table label="Releases, newest first" rows={shown.rows} rowKey={(r) => r.number} columns={columns} none="Nothing was released yet." />
        )}
        <Pager at={shown.pagination} onPage={setPage} />
      </div>
      <Confirm open={asking} onClose={() => setAsking(false)} {...rollBackQuestion(at, progress, setBack)} />
    </Card>
  )
}

/** What the rollback answered. */
function Answer({ back }: { back: Back }) {
  return (
    <Notice kind="ok">
      Release {back.rollout.release} takes it back. {counted(back.done, 'device')} that ran the release {back.done === 1 ? 'goes' : 'go'} back,{' '}
      {counted(back.in_the_middle, 'device')} in the middle {back.in_the_middle === 1 ? 'goes' : 'go'} back after the update, and{' '}
      {counted(back.not_started, 'device')} had not been reached.
    </Notice>
  )
}

function Version({ release: r }: { release: ListedRelease }) {
  const { org, product } = useGroupAddress()
  return (
    <span className="row" style={{ gap: 4 }}>
      <Link className="mono" {...paths.firmware(org, product, r.firmware.uuid)}>
        {r.firmware.version}
      </Link>
      <span className="small muted mono">{r.firmware.uuid.slice(0, 8)}</span>
      <CopyButton text={r.firmware.uuid} label={`Copy the uuid of ${r.firmware.version}`} />
    </span>
  )
}

/** What was written of a release, or what it takes back. */
function Words({ release: r }: { release: ListedRelease }) {
  if (!r.description && !r.notes && !r.takes_back) return <span className="muted">–</span>
  return (
    <div>
      {r.takes_back && <div>Takes release {r.takes_back} back</div>}
      {r.description && <div>{r.description}</div>}
      {r.notes && <div className="small muted">{r.notes}</div>}
    </div>
  )
}

/** Whether it is the current one, and what became of an earlier one. */
function State({ release: r, current }: { release: ListedRelease; current: boolean }) {
  if (current) return <Status tone={r.state === 'stopped' || r.state === 'aborted' ? 'bad' : 'running'}>{r.state && r.state !== 'running' ? `current, ${r.state}` : 'current'}</Status>
  const ended = r.state === 'stopped' || r.state === 'aborted'
  return ended ? (
    <span title={r.reason ?? undefined}>
      <Status tone="bad">{r.state}</Status>
    </span>
  ) : (
    <span className="muted">earlier</span>
  )
}

function ArchiveOf({ uuid, archives }: { uuid: string | null | undefined; archives: readonly Archive[] | undefined }) {
  if (!uuid) return <span className="muted">none</span>
  const archive = archives?.find((a) => a.uuid === uuid)
  return <span className="mono">{archive ? archive.version : uuid.slice(0, 8)}</span>
}
