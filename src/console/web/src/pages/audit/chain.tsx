/** How far the log is sealed, and how to check that nobody altered it. */
import type { AuditEntry } from '../../api/types'
import { Card, Command } from '../../ui/layout'
import { Status } from '../../ui/status'
import { count } from '../../ui/text'
import { Time } from '../../ui/time'

/** `newest` is the first page of the log, or nothing where a later one is looked at. */
export function Chain({ newest }: { newest: readonly AuditEntry[] }) {
  const sealed = newest.find((e) => e.sequence !== null)
  const open = newest.filter((e) => e.sequence === null).length
  return (
    <Card title="Can it be trusted?">
      <div className="stack-small">
        {sealed && (
          <p>
            <Status tone={open === 0 ? 'ok' : 'running'}>sealed to #{count(sealed.sequence)}</Status> written <Time at={sealed.at} />
            {open > 0 && `, ${count(open)} newer ${open === 1 ? 'waits' : 'wait'} for the seal`}
          </p>
        )}
        <p className="muted">
          Each entry gets the next number of a chain and a code over itself and all before it, which only the server's key can make. The numbers
          are those of the whole server, so a product's have gaps. Whether an entry was altered or removed is checked on the server's machine:
        </p>
        <Command text="nervecenter admin verify-audit" />
        <p className="small muted">It prints a head. Kept elsewhere and given back with --expect, it finds a database that was set back, too.</p>
      </div>
    </Card>
  )
}
