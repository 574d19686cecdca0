/** Tokens, of a person or of a service account, with a way to delete each. */
import { useState } from 'react'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Status } from '../../ui/status'
import { moment } from '../../ui/text'
import { Time, useNow } from '../../ui/time'
import { toast } from '../../ui/toast'
import { PagedTable } from '../org/parts/paged-table'
import type { Token } from '../org/parts/types'

/** How long before its end a token is marked, in milliseconds. */
const SOON = 7 * 86_400_000

export const ACCESS: Record<string, string> = {
  full: 'everything',
  read: 'reading only',
  publish: 'publishing firmware only',
}

type Props = { tokens: readonly Token[]; onDelete: (token: Token) => Promise<unknown>; pageKey?: string; findKey?: string }

export function TokenTable({ tokens, onDelete, ...keys }: Props) {
  const [deleting, setDeleting] = useState<Token | null>(null)
  const remove = async () => {
    if (!deleting) return
    await onDelete(deleting)
    toast('The token is deleted.')
  }
  return (
    <>
      <PagedTable
        {...keys}
        label="Tokens"
        rows={tokens}
        rowKey={(t) => t.id}
        textOf={(t) => `${t.note} ${t.access} ${t.product ?? ''}`}
        columns={[
          { name: 'For', names: true, cell: (t) => t.note || <span className="muted">a login</span> },
          { name: 'May do', cell: (t) => ACCESS[t.access] ?? t.access },
          { name: 'In', cell: (t) => t.product ?? <span className="muted">all products</span> },
          { name: 'Made', cell: (t) => <Time at={t.inserted_at} /> },
          { name: 'Last used', cell: (t) => (t.last_used_at ? <Time at={t.last_used_at} /> : <span className="muted">never</span>) },
          { name: 'Ends', cell: (t) => <Ends token={t} /> },
          {
            name: 'Actions',
            number: true,
            cell: (t) => (
              <Button small kind="plain" aria-label={`Delete the token ${t.note || 'of a login'}, number ${t.id}`} onClick={() => setDeleting(t)}>
                Delete…
              </Button>
            ),
          },
        ]}
      />
      <Confirm open={deleting !== null} onClose={() => setDeleting(null)} title={`Delete the token ${deleting?.note ?? ''}`} act="Delete it" danger onConfirm={remove}>
        <p>
          What uses it is refused from now on, and what it has open ends.{' '}
          {deleting?.last_used_at && (
            <>
              It was used last: <Time at={deleting.last_used_at} />.
            </>
          )}
        </p>
      </Confirm>
    </>
  )
}

function Ends({ token: { expired, expires_at } }: { token: Token }) {
  const now = useNow()
  if (expired) return <Status tone="bad">{expires_at ? <>ended <Time at={expires_at} /></> : 'ended'}</Status>
  if (!expires_at) return <span className="muted">never</span>
  const soon = moment(expires_at).getTime() - now < SOON
  return soon ? (
    <Status tone="warn">
      <Time at={expires_at} />
    </Status>
  ) : (
    <Time at={expires_at} />
  )
}
