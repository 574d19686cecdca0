/** Service accounts: members without a password, for programs, with tokens of their own. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { Role } from '../../api/types'
import { useAddress } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm, Dialog } from '../../ui/dialog'
import { Card, Empty, Failure, Skeleton } from '../../ui/layout'
import { Time } from '../../ui/time'
import { toast } from '../../ui/toast'
import { AccountTokens } from './account-tokens'
import { NewServiceAccount } from './new-service-account'
import { PagedTable } from './parts/paged-table'
import { RoleNote } from '../../ui/role-note'
import type { ServiceAccount } from './parts/types'
import { useUrl } from '../../address/url'

export default function ServiceAccounts() {
  const { org = '' } = useAddress()
  const role = useRole(org)
  const may = atLeast(role, 'admin')
  const url = useUrl()
  const [adding, setAdding] = useState(false)
  const [deleting, setDeleting] = useState<string | null>(null)
  const queryKey = ['service-accounts', org]
  const accounts = useQuery({
    queryKey,
    enabled: may,
    queryFn: () => data(api.GET('/api/orgs/{org}/service_accounts', { params: { path: { org } } })),
  })
  // Who has just lost the role keeps what was read with it, which is no longer theirs to see.
  const rows = may ? accounts.data : undefined
  const opened = rows?.find((a) => a.name === url.text('account'))
  const remove = async () => {
    if (deleting === null) return
    await take(api.DELETE('/api/orgs/{org}/service_accounts/{account}', { params: { path: { org, account: deleting } } }))
    toast(`The service account ${deleting} is gone.`)
    if (opened?.name === deleting) url.change({ account: undefined })
    await queries.invalidateQueries({ queryKey })
  }
  return (
    <>
      <Card
        title="Service accounts"
        actions={
          rows?.length !== 0 && (
            <Button disabled={!may} onClick={() => setAdding(true)}>
              Add an account
            </Button>
          )
        }
      >
        <div className="stack-small">
          <p>Accounts for programs, such as a release pipeline: they belong to the organization, so that they stay when a person leaves.</p>
          <RoleNote org={org} needs="admin" what="To see and change service accounts" />
          {accounts.error && <Failure error={accounts.error} again={() => void accounts.refetch()} />}
          {may && accounts.isPending && <Skeleton />}
          {rows?.length === 0 && <None role={role} onAdd={() => setAdding(true)} />}
          {rows && rows.length > 0 && (
            <AccountTable rows={rows} opened={opened?.name} onOpen={(account) => url.change({ account })} onDelete={setDeleting} />
          )}
        </div>
      </Card>
      {opened && <AccountTokens key={opened.name} org={org} account={opened.name} />}
      <Dialog open={adding} onClose={() => setAdding(false)} title="Add a service account">
        <NewServiceAccount
          org={org}
          onClose={() => setAdding(false)}
          onMade={(account) => {
            setAdding(false)
            url.change({ account })
          }}
        />
      </Dialog>
      <Confirm open={deleting !== null} onClose={() => setDeleting(null)} title={`Remove ${deleting ?? ''}`} act="Remove it" danger onConfirm={remove}>
        <p>The account goes with all of its tokens: programs that use one are refused from then on.</p>
      </Confirm>
    </>
  )
}

type TableProps = {
  rows: readonly ServiceAccount[]
  opened: string | undefined
  onOpen: (account: string | undefined) => void
  onDelete: (account: string) => void
}

function AccountTable({ rows, opened, onOpen, onDelete }: TableProps) {
  return (
    <PagedTable
      label="Service accounts"
      rows={rows}
      rowKey={(a) => a.name}
      textOf={(a) => `${a.name} ${a.role}`}
      columns={[
        { name: 'Name', names: true, cell: (a) => a.name },
        { name: 'Role', cell: (a) => a.role },
        { name: 'Since', cell: (a) => <Time at={a.inserted_at} /> },
        {
          name: 'Actions',
          number: true,
          cell: (a) => (
            <span className="row" style={{ justifyContent: 'flex-end' }}>
              <Button
                small
                aria-expanded={opened === a.name}
                aria-label={`Tokens of ${a.name}`}
                onClick={() => onOpen(opened === a.name ? undefined : a.name)}
              >
                {opened === a.name ? 'Hide tokens' : 'Tokens'}
              </Button>
              <Button small kind="plain" aria-label={`Remove ${a.name}`} onClick={() => onDelete(a.name)}>
                Remove…
              </Button>
            </span>
          ),
        },
      ]}
    />
  )
}

function None({ role, onAdd }: { role: Role | null; onAdd: () => void }) {
  return (
    <Empty title="No service account yet">
      <p>
        Make one for each program, with the lowest role that does: a pipeline that publishes firmware takes manage, and a token that may publish
        only. Then make it a token, which the program brings with each request.
      </p>
      <Button kind="primary" disabled={!atLeast(role, 'admin')} onClick={onAdd}>
        Add an account
      </Button>
    </Empty>
  )
}
