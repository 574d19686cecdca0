/** The certificates by which a device proves who it is: listed, added as PEM, and forgotten. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { components } from '../../api/schema'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm, Dialog, DialogButtons } from '../../ui/dialog'
import { useForm } from '../../ui/form'
import { Card, Command, CopyButton, Failure, Skeleton } from '../../ui/layout'
import { productFlags, shellWord } from '../../ui/shell-word'
import { Status } from '../../ui/status'
import { Table } from '../../ui/table'
import { moment } from '../../ui/text'
import { Time } from '../../ui/time'
import { toast } from '../../ui/toast'
import { base64, pemOf } from '../org/parts/base64'
import { FileText } from '../org/parts/file-text'
import { D, deviceKey, useDeviceAddress, useMayManage } from './device'
import css from './device.module.css'

/** A certificate that ends within these milliseconds is told of. */
const SOON = 30 * 86_400_000

function Validity({ from, to }: { from: string; to: string }) {
  const now = Date.now()
  const [begin, end] = [moment(from).getTime(), moment(to).getTime()]
  if (end < now) return <Status tone="bad">has ended</Status>
  if (begin > now) return <Status tone="waiting">not valid yet</Status>
  return end - now < SOON ? <Status tone="warn">ends soon</Status> : <Status tone="ok">valid</Status>
}

export function Certificates() {
  const at = useDeviceAddress()
  const { may, note } = useMayManage()
  const [adding, setAdding] = useState(false)
  const [deleting, setDeleting] = useState<string | null>(null)
  const key = deviceKey(at, 'certificates')
  const certificates = useQuery({ queryKey: key, queryFn: ({ signal }) => data(api.GET(`${D}/certificates`, { params: { path: at }, signal })) })
  const forget = async () => {
    await take(api.DELETE(`${D}/certificates/{serial}`, { params: { path: { ...at, serial: deleting ?? '' } } }))
    toast('The certificate is forgotten.')
    await queries.invalidateQueries({ queryKey: key })
  }
  return (
    <Card
      title="Certificates"
      actions={
        <Button small disabled={!may} title={note} onClick={() => setAdding(true)}>
          Add a certificate…
        </Button>
      }
    >
      {certificates.error && <Failure error={certificates.error} again={() => void certificates.refetch()} />}
      {certificates.isPending && <Skeleton />}
      {certificates.data?.length === 0 && <NoCertificates />}
      {certificates.data && certificates.data.length > 0 && <CertificateTable certificates={certificates.data} onForget={setDeleting} />}
      <Dialog open={adding} onClose={() => setAdding(false)} title="Add a certificate">
        <Add onDone={() => setAdding(false)} />
      </Dialog>
      <Confirm open={deleting !== null} onClose={() => setDeleting(null)} title="Forget this certificate?" act="Forget it" danger onConfirm={forget}>
        <p>
          The device cannot connect with the certificate {deleting} any more, unless an authority of the organization signed it: then it is known
          again when the device connects.
        </p>
      </Confirm>
    </Card>
  )
}

type TableProps = { certificates: readonly components['schemas']['DeviceCertificate'][]; onForget: (serial: string) => void }

function CertificateTable({ certificates, onForget }: TableProps) {
  const { may, note } = useMayManage()
  return (
    <Table
      label="Certificates"
      rows={certificates}
      rowKey={(c) => c.serial}
      columns={[
        {
          name: 'Serial number',
          names: true,
          cell: (c) => (
            <span className="row">
              <span className={`mono ${css.wrap}`}>{c.serial}</span>
              <CopyButton text={c.serial} label="Copy the serial number" />
            </span>
          ),
        },
        { name: 'Now', cell: (c) => <Validity from={c.not_before} to={c.not_after} /> },
        { name: 'From', cell: (c) => <Time at={c.not_before} /> },
        { name: 'Until', cell: (c) => <Time at={c.not_after} /> },
        {
          name: 'Action',
          number: true,
          cell: (c) => (
            <Button small disabled={!may} title={note} aria-label={`Forget the certificate ${c.serial}`} onClick={() => onForget(c.serial)}>
              Forget…
            </Button>
          ),
        },
      ]}
    />
  )
}

function NoCertificates() {
  const at = useDeviceAddress()
  return (
    <div className="stack-small">
      <p className="muted">
        None. A certificate comes by itself when a device connects with one that an authority of the organization signed; a device that uses a shared
        secret needs none. One that nobody signed is added here, or from a terminal:
      </p>
      <Command text={`nervecenter device cert import ${shellWord(at.device)} cert.pem ${productFlags(at.org, at.product)}`} />
    </div>
  )
}

function Add({ onDone }: { onDone: () => void }) {
  const at = useDeviceAddress()
  const [pem, setPem] = useState('')
  const form = useForm(async () => {
    await data(api.POST(`${D}/certificates`, { params: { path: at }, body: { cert: base64(new TextEncoder().encode(pemOf(pem))) } }))
    toast('The certificate is added.')
    await queries.invalidateQueries({ queryKey: deviceKey(at, 'certificates') })
    onDone()
  }, ['cert'])
  return (
    <form className="stack" onSubmit={form.submit}>
      {form.problem}
      <FileText
        label="Certificate"
        hint="In PEM, from BEGIN CERTIFICATE to END CERTIFICATE, or a file in DER. Never its private key."
        value={pem}
        error={form.error('cert')}
        onChange={setPem}
        placeholder="-----BEGIN CERTIFICATE-----"
        accept=".pem,.crt,.cer,.der"
      />
      <DialogButtons>
        <Button onClick={onDone}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Add it
        </Button>
      </DialogButtons>
    </form>
  )
}
