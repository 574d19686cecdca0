/** The members with their roles, which can be changed in place. */
import { Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, take } from '../../api/client'
import { ROLES } from '../../api/types'
import { paths } from '../../paths'
import { queries, sessionQuery, useSession } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Select } from '../../ui/form'
import { attempt, toast } from '../../ui/toast'
import { PagedTable } from './parts/paged-table'
import type { Member } from './parts/types'

const OPTIONS = ROLES.map((role) => ({ value: role, label: role }))
/** Accounts of programs are members, too, at addresses where no mail goes. */
export function isService(member: Member): boolean {
  return member.email.endsWith('.service.invalid')
}

type Change = { member: Member; role: Member['role'] }

async function setRole(org: string, email: string, role: string): Promise<void> {
  await take(api.PUT('/api/orgs/{org}/users/{email}', { params: { path: { org, email } }, body: { role: role as never } }))
  await queries.invalidateQueries({ queryKey: ['members', org] })
  await queries.invalidateQueries({ queryKey: ['service-accounts', org] })
}

export function MemberTable({ org, members }: { org: string; members: readonly Member[] }) {
  const { user } = useSession()
  const [removing, setRemoving] = useState<Member | null>(null)
  const [lowering, setLowering] = useState<Change | null>(null)
  const change = (member: Member, role: string) => {
    // Who lowers their own role cannot take it back.
    if (member.email === user.email) setLowering({ member, role })
    else {
      const undo = () => setRole(org, member.email, member.role)
      void attempt(`${member.name} has the role ${role} now.`, () => setRole(org, member.email, role), undo)
    }
  }
  return (
    <>
      <PagedTable
        label="Members"
        rows={members}
        rowKey={(m) => m.email}
        textOf={(m) => `${m.name} ${m.email} ${m.role}`}
        columns={[
          {
            name: 'Name',
            names: true,
            cell: (m) => (
              <>
                {m.name} {m.email === user.email && <span className="muted small">you</span>}
              </>
            ),
          },
          { name: 'Email', cell: (m) => (isService(m) ? <Link {...paths.orgSettings(org, 'service-accounts')}>service account</Link> : m.email) },
          { name: 'Role', cell: (m) => <Select label={`Role of ${m.name}`} options={OPTIONS} value={m.role} onChange={(role) => change(m, role)} /> },
          {
            name: 'Actions',
            number: true,
            // A service account goes on its own page, where its tokens are.
            cell: (m) =>
              !isService(m) && (
                <Button small kind="plain" aria-label={m.email === user.email ? 'Leave the organization' : `Remove ${m.name}`} onClick={() => setRemoving(m)}>
                  {m.email === user.email ? 'Leave…' : 'Remove…'}
                </Button>
              ),
          },
        ]}
      />
      <Remove org={org} member={removing} self={removing?.email === user.email} onClose={() => setRemoving(null)} />
      <Lower org={org} change={lowering} onClose={() => setLowering(null)} />
    </>
  )
}

function Remove({ org, member, self, onClose }: { org: string; member: Member | null; self: boolean; onClose: () => void }) {
  const navigate = useNavigate()
  const remove = async () => {
    if (!member) return
    await take(api.DELETE('/api/orgs/{org}/users/{email}', { params: { path: { org, email: member.email } } }))
    toast(self ? `You left ${org}.` : `${member.name} is no member any more.`)
    if (self) {
      await navigate({ to: '/', replace: true })
      await queries.invalidateQueries({ queryKey: sessionQuery.queryKey })
    } else await queries.invalidateQueries({ queryKey: ['members', org] })
  }
  const title = self ? `Leave ${org}` : `Remove ${member?.name ?? ''} from ${org}`
  return (
    <Confirm open={member !== null} onClose={onClose} title={title} act={self ? 'Leave' : 'Remove'} danger onConfirm={remove}>
      <p>
        {self
          ? 'You see nothing of this organization any more, and your tokens are no longer good for it. Only an administrator can bring you back.'
          : `What ${member?.name ?? ''} has open here ends at once: uploads, consoles, scripts. Their tokens are no longer good for ${org}, and mail rules that name them go. What they made stays.`}
      </p>
    </Confirm>
  )
}

function Lower({ org, change, onClose }: { org: string; change: Change | null; onClose: () => void }) {
  const lower = async () => {
    if (!change) return
    await take(
      api.PUT('/api/orgs/{org}/users/{email}', { params: { path: { org, email: change.member.email } }, body: { role: change.role as never } }),
    )
    toast(`Your role is ${change.role} now.`)
    await queries.invalidateQueries({ queryKey: sessionQuery.queryKey })
  }
  return (
    <Confirm open={change !== null} onClose={onClose} title="Give up the role admin" act={`Become ${change?.role ?? ''}`} danger onConfirm={lower}>
      <p>You cannot take this back yourself: another administrator has to. The last administrator of an organization cannot step down.</p>
    </Confirm>
  )
}
