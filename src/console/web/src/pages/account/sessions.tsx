/** Where the person is logged in. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Status } from '../../ui/status'
import { counted } from '../../ui/text'
import { Time } from '../../ui/time'
import { attempt, toast } from '../../ui/toast'
import { PagedTable } from '../org/parts/paged-table'
import type { OwnSession } from '../org/parts/types'
import { browserOf } from './browser'
import css from './account.module.css'

const KEY = ['sessions']

export function Sessions() {
  const [ending, setEnding] = useState(false)
  const sessions = useQuery({ queryKey: KEY, refetchInterval: 15_000, queryFn: () => data(api.GET('/api/users/me/sessions')) })
  const others = sessions.data?.filter((s) => !s.current).length ?? 0
  const endOthers = async () => {
    const { ended } = await data(api.DELETE('/api/users/me/sessions'))
    toast(`${counted(ended, 'session')} ended.`)
    await queries.invalidateQueries({ queryKey: KEY })
  }
  return (
    <Card
      title="Sessions"
      actions={
        <Button disabled={others === 0} onClick={() => setEnding(true)}>
          End all others…
        </Button>
      }
    >
      <div className="stack-small">
        <p>The browsers that you are logged in with. End what you do not know, and then change your password.</p>
        {sessions.error && <Failure error={sessions.error} again={() => void sessions.refetch()} />}
        {sessions.isPending && <Skeleton />}
        {sessions.data && <SessionTable sessions={sessions.data} />}
      </div>
      <Confirm open={ending} onClose={() => setEnding(false)} title="End all other sessions" act="End them" onConfirm={endOthers}>
        <p>{counted(others, 'browser')} will have to log in again. This one stays logged in, and tokens stay good.</p>
      </Confirm>
    </Card>
  )
}

function end(session: OwnSession): void {
  void attempt(`The session of ${browserOf(session.agent)} has ended.`, async () => {
    await take(api.DELETE('/api/users/me/sessions/{session}', { params: { path: { session: String(session.id) } } }))
    await queries.invalidateQueries({ queryKey: KEY })
  })
}

function SessionTable({ sessions }: { sessions: readonly OwnSession[] }) {
  return (
    <PagedTable
      label="Sessions"
      rows={sessions}
      rowKey={(s) => s.id}
      textOf={(s) => `${s.agent} ${s.address}`}
      columns={[
        {
          name: 'Browser',
          names: true,
          cell: (s) => (
            <span className={css.agent} title={s.agent}>
              {browserOf(s.agent)}
            </span>
          ),
        },
        { name: 'Where', cell: (s) => <span className="mono">{s.address}</span> },
        { name: 'Since', cell: (s) => <Time at={s.inserted_at} /> },
        { name: 'Last used', cell: (s) => <Time at={s.last_used_at ?? s.inserted_at} /> },
        { name: 'Lasts', cell: (s) => (s.remembered ? '60 days' : 'until 12 hours without a use') },
        {
          name: 'Actions',
          number: true,
          cell: (s) =>
            s.current ? (
              <Status tone="ok">this one</Status>
            ) : (
              <Button small kind="plain" aria-label={`End the session of ${browserOf(s.agent)} from ${s.address}`} onClick={() => end(s)}>
                End
              </Button>
            ),
        },
      ]}
    />
  )
}
