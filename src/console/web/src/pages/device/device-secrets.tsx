/** Shared secrets of one device: a key and a secret that prove who it is. The secret is shown once. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { components } from '../../api/schema'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Card, Command, CopyButton, Failure, Notice, Skeleton } from '../../ui/layout'
import { Kept, ShownOnce } from '../../ui/shown-once'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { Time } from '../../ui/time'
import { toast, toastProblem } from '../../ui/toast'
import { D, deviceKey, useDeviceAddress, useMayManage } from './device'
import css from './device.module.css'

type SharedSecret = components['schemas']['SharedSecret']
type Made = components['schemas']['NewSharedSecret']

export function DeviceSecrets() {
  const at = useDeviceAddress()
  const { may, note } = useMayManage()
  const [made, setMade] = useState<Made | null>(null)
  const [busy, setBusy] = useState(false)
  const [ending, setEnding] = useState<string | null>(null)
  const key = deviceKey(at, 'shared-secrets')
  const secrets = useQuery({
    queryKey: key,
    enabled: may,
    queryFn: ({ signal }) => data(api.GET(`${D}/shared_secrets`, { params: { path: at }, signal })),
  })
  const again = () => queries.invalidateQueries({ queryKey: key })
  const make = async () => {
    setBusy(true)
    try {
      setMade(await data(api.POST(`${D}/shared_secrets`, { params: { path: at } })))
      await again()
    } catch (e) {
      toastProblem(e)
    } finally {
      setBusy(false)
    }
  }
  const end = async () => {
    await take(api.DELETE(`${D}/shared_secrets/{key}`, { params: { path: { ...at, key: ending ?? '' } } }))
    toast('The secret is deactivated.')
    await again()
  }
  return (
    <Card
      title="Shared secrets"
      actions={
        <Button small disabled={!may} title={note} busy={busy} onClick={() => void make()}>
          Make a secret
        </Button>
      }
    >
      {secrets.error && <Failure error={secrets.error} again={() => void secrets.refetch()} />}
      {!may && <p className="muted">Seeing the keys of a device takes the role manage.</p>}
      {secrets.isLoading && <Skeleton />}
      {secrets.data && <SecretTable secrets={secrets.data} onEnd={setEnding} />}
      <ShownOnce open={made !== null} once onClose={() => setMade(null)} title="The new secret">
        {made && <New made={made} onDone={() => setMade(null)} />}
      </ShownOnce>
      <Confirm open={ending !== null} onClose={() => setEnding(null)} title="Deactivate this secret?" act="Deactivate it" danger onConfirm={end}>
        <p>The server refuses {ending} from now on, and a device that uses it cannot connect. It cannot be switched on again.</p>
      </Confirm>
    </Card>
  )
}

function SecretTable({ secrets, onEnd }: { secrets: readonly SharedSecret[]; onEnd: (key: string) => void }) {
  const { may, note } = useMayManage()
  return (
    <Table
      label="Shared secrets of the device"
      rows={secrets}
      rowKey={(s) => s.key}
      none="None. A device without a certificate can prove who it is by a key and a secret of its own, or by those of the product."
      columns={[
        {
          name: 'Key',
          names: true,
          cell: (s) => (
            <span className="row">
              <span className={`mono ${css.wrap}`}>{s.key}</span>
              <CopyButton text={s.key} label="Copy the key" />
            </span>
          ),
        },
        { name: 'Made', cell: (s) => <Time at={s.inserted_at} /> },
        {
          name: 'Now',
          cell: (s) =>
            s.deactivated_at ? (
              <span className="row">
                <Status tone="off">deactivated</Status>
                <span className="small muted">
                  <Time at={s.deactivated_at} />
                </span>
              </span>
            ) : (
              <Status tone="ok">in use</Status>
            ),
        },
        {
          name: 'Action',
          number: true,
          cell: (s) => (
            <Button
              small
              disabled={!may || Boolean(s.deactivated_at)}
              title={note}
              aria-label={`Deactivate the secret ${s.key}`}
              onClick={() => onEnd(s.key)}
            >
              Deactivate…
            </Button>
          ),
        },
      ]}
    />
  )
}

function New({ made, onDone }: { made: Made; onDone: () => void }) {
  return (
    <div className="stack">
      <Notice kind="warn">The secret is shown this once. Keep it where the device reads it.</Notice>
      <p className="muted">Key</p>
      <Command text={made.key} />
      <p className="muted">Secret</p>
      <Command text={made.secret} />
      <Kept onDone={onDone} />
    </div>
  )
}
