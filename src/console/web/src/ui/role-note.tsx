/** Says which role something takes, where the person's role is too low for it. */
import type { Role } from '../api/types'
import { atLeast, useRole } from '../session/session'

export function RoleNote({ org, needs, what }: { org: string; needs: Role; what: string }) {
  const role = useRole(org)
  if (role === null || atLeast(role, needs)) return null
  return (
    <p className="small muted">
      {what} takes the role <strong>{needs}</strong> in {org}; yours is {role}. An administrator of the organization can change it.
    </p>
  )
}
