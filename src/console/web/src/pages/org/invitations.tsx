/** Invitations that nobody has accepted yet. */
import { useQuery } from '@tanstack/react-query'
import { api, data, take } from '../../api/client'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Card, Failure, Skeleton } from '../../ui/layout'
import { Time } from '../../ui/time'
import { attempt } from '../../ui/toast'
import { PagedTable } from './parts/paged-table'

export function Invitations({ org }: { org: string }) {
  const queryKey = ['invites', org]
  const invites = useQuery({
    queryKey,
    refetchInterval: 10_000,
    queryFn: () => data(api.GET('/api/orgs/{org}/invites', { params: { path: { org } } })),
  })
  const rescind = (email: string) =>
    attempt(`The invitation of ${email} is taken back; its link leads nowhere any more.`, async () => {
      await take(api.DELETE('/api/orgs/{org}/invites/{email}', { params: { path: { org, email } } }))
      await queries.invalidateQueries({ queryKey })
    })
  return (
    <Card title="Open invitations">
      {invites.error && <Failure error={invites.error} again={() => void invites.refetch()} />}
      {invites.isPending && <Skeleton lines={2} />}
      {invites.data && (
        <PagedTable
          label="Open invitations"
          pageKey="invites"
          findKey="invited"
          rows={invites.data}
          rowKey={(i) => i.email}
          textOf={(i) => `${i.email} ${i.invited_by}`}
          none="Nobody is invited at the moment."
          columns={[
            { name: 'Email', names: true, cell: (i) => i.email },
            { name: 'Role', cell: (i) => i.role },
            { name: 'Invited by', cell: (i) => i.invited_by },
            { name: 'Since', cell: (i) => <Time at={i.inserted_at} /> },
            {
              name: 'Actions',
              number: true,
              cell: (i) => (
                <Button small kind="plain" aria-label={`Take back the invitation of ${i.email}`} onClick={() => void rescind(i.email)}>
                  Take back
                </Button>
              ),
            },
          ]}
        />
      )}
    </Card>
  )
}
