/** Who belongs to the organization, what each may do, and who is invited. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { useAddress } from '../../product'
import { atLeast, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Card, Command, Facts, Failure, Skeleton } from '../../ui/layout'
import { shellWord } from '../../ui/shell-word'
import { Invitations } from './invitations'
import { Invite } from './invite'
import { MemberTable, isService } from './member-table'
import { RoleNote } from '../../ui/role-note'

export default function Members() {
  const { org = '' } = useAddress()
  const role = useRole(org)
  const may = atLeast(role, 'admin')
  const [inviting, setInviting] = useState(false)
  const members = useQuery({
    queryKey: ['members', org],
    enabled: may,
    refetchInterval: 15_000,
    queryFn: () => data(api.GET('/api/orgs/{org}/users', { params: { path: { org } } })),
  })
  // Who has just given up the role keeps what was read with it, which is no longer theirs to see.
  const rows = may ? members.data : undefined
  return (
    <>
      <Card
        title="Members"
        actions={
          <Button disabled={!may} onClick={() => setInviting(true)}>
            Invite somebody
          </Button>
        }
      >
        <RoleNote org={org} needs="admin" what="To see and change members" />
        {members.error && <Failure error={members.error} again={() => void members.refetch()} />}
        {may && members.isPending && <Skeleton />}
        {rows && (
          <div className="stack-small">
            <MemberTable org={org} members={rows} />
            {rows.filter((m) => !isService(m)).length === 1 && (
              <>
                <p className="muted">You are alone here. Invite a colleague, so that somebody else can act when you are away; from a terminal:</p>
                <Command text={`nervecenter org invite colleague@example.com admin --org ${shellWord(org)}`} />
              </>
            )}
          </div>
        )}
      </Card>
      {may && <Invitations org={org} />}
      <Card title="What each role may do">
        <Facts
          rows={[
            ['view', 'See everything but members, watch events, and run a support script on a device.'],
            [
              'manage',
              'Also change devices, groups, firmware, archives, scripts, keys, authorities, webhooks and mail rules; read and make shared secrets; download files; open consoles and shells; change the settings of a product.',
            ],
            ['admin', 'Also members, invitations and service accounts; make and delete products; rename and delete the organization.'],
          ]}
        />
      </Card>
      <Invite org={org} open={inviting} onClose={() => setInviting(false)} />
    </>
  )
}
