/** Which extensions the devices of the product may use. A switch reaches connected devices at once. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Confirm } from '../../ui/dialog'
import { Check } from '../../ui/form'
import { Card, Failure, Skeleton, useTitle } from '../../ui/layout'
import { attempt, toast } from '../../ui/toast'
import { RoleNote } from '../../ui/role-note'

type Switches = Record<string, boolean>

/** The one that lets people run anything on the devices. */
const SHELL = 'local_shell'

const SENTENCES: Record<string, { name: string; sentence: string }> = {
  health: {
    name: 'Health',
    sentence:
      'Each device reports its metrics and alarms when it connects, each hour and when somebody asks; without it nobody can say whether it is well.',
  },
  geo: {
    name: 'Position',
    sentence: 'Each device says where it is, as far as it knows, so that it can be put on a map.',
  },
  logging: {
    name: 'Logs',
    sentence: 'Each device sends its log lines, five a second at most, which are kept for three days.',
  },
  local_shell: {
    name: 'Shell',
    sentence: 'People with the role manage can open a shell of the operating system on a device, beside the Elixir console.',
  },
  network_identity: {
    name: 'Network identities',
    sentence: 'Each device says by which names it is known on iroh, NetBird, Tailscale and WireGuard, so that it can be found there.',
  },
}

/** Those that are described first; a newer server may know more. */
function inOrder(switches: Switches): [string, boolean][] {
  const place = (name: string) => (Object.keys(SENTENCES).indexOf(name) + 1 || 99)
  return Object.entries(switches).toSorted(([a], [b]) => place(a) - place(b))
}

export default function Extensions() {
  const { org, product } = useProduct()
  useTitle(`Extensions of ${product}`)
  const may = atLeast(useRole(org), 'manage')
  const [asking, setAsking] = useState(false)
  const key = ['extensions', org, product]
  const params = { path: { org, product } }
  const read = useQuery({
    queryKey: key,
    // The document says no more of the answer than that it is an object.
    queryFn: async ({ signal }) => (await data(api.GET('/api/orgs/{org}/products/{product}/extensions', { params, signal }))) as unknown as Switches,
  })
  const put = async (name: string, on: boolean) => {
    const body = { extensions: { [name]: on } }
    const after = await data(api.PUT('/api/orgs/{org}/products/{product}/extensions', { params, body: body as never }))
    queries.setQueryData(key, after)
  }
  const done = (name: string, on: boolean) => `${SENTENCES[name]?.name ?? name} is ${on ? 'on' : 'off'}, also on devices that are connected.`
  const change = (name: string, on: boolean) => {
    const guarded = name === SHELL
    if (guarded && on) setAsking(true)
    // What asks before it is switched on is not switched on by an Undo.
    else void attempt(done(name, on), () => put(name, on), guarded ? undefined : () => put(name, !on))
  }
  return (
    <Card title="Extensions">
      <div className="stack-small">
        <p className="muted">
          What devices may do beside updates, when their nerves_hub_link knows it. A single device can be kept from an extension in its own
          settings.
        </p>
        {read.error && <Failure error={read.error} again={() => void read.refetch()} />}
        {read.isPending && <Skeleton lines={5} />}
        {inOrder(read.data ?? {}).map(([name, on]) => (
          <Check
            key={name}
            label={SENTENCES[name]?.name ?? name}
            hint={SENTENCES[name]?.sentence}
            checked={on}
            disabled={!may}
            onChange={(wanted) => change(name, wanted)}
          />
        ))}
        <RoleNote org={org} needs="manage" what="Switching extensions" />
      </div>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title="Switch the shell on?"
        act="Switch it on"
        danger
        typed={product}
        onConfirm={() => put(SHELL, true).then(() => toast(done(SHELL, true)))}
      >
        <p>
          Everybody with the role manage, and whoever has a token of theirs, can then run any command of the operating system on every device of{' '}
          {product} whose nerves_hub_link knows the extension. Devices that are connected offer it at once.
        </p>
      </Confirm>
    </Card>
  )
}
