/** Registers an authority, with the proof that its private key is ours: a certificate that it signs and that holds a token of the server. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { DialogButtons } from '../../ui/dialog'
import { Check, SelectField, TextField, useForm } from '../../ui/form'
import { Command, Failure, Skeleton } from '../../ui/layout'
import { shellWord } from '../../ui/shell-word'
import { toast } from '../../ui/toast'
import { tagsOf } from '../devices/new-device'
import { FileText } from './parts/file-text'
import css from './org.module.css'

/** The token is good for an hour; a newer one is asked for well before. */
const TOKEN_AGE = 30 * 60_000

type Jitp = { product: string; tags: string; description: string }

export function NewAuthority({ org, onClose }: { org: string; onClose: () => void }) {
  const [cert, setCert] = useState('')
  const [proof, setProof] = useState('')
  const [description, setDescription] = useState('')
  const [expires, setExpires] = useState(true)
  const [jitp, setJitp] = useState<Jitp>({ product: '', tags: '', description: '' })
  const form = useForm(async () => {
    const body = {
      cert: cert.trim(),
      verification_cert: proof.trim(),
      description: description.trim() || undefined,
      check_expiration: expires,
      ...(jitp.product && { jitp: { product_name: jitp.product, tags: tagsOf(jitp.tags), description: jitp.description.trim() } }),
    }
    await take(api.POST('/api/orgs/{org}/ca_certificates', { params: { path: { org } }, body: body as never }))
    toast('The authority is registered.')
    await queries.invalidateQueries({ queryKey: ['authorities', org] })
    onClose()
  }, ['cert', 'verification_cert', 'description'])
  return (
    <form className="stack" onSubmit={form.submit}>
      <p>From a terminal that has the authority&apos;s private key, one command does all of this:</p>
      <Command text={`nervecenter ca register ca.pem --key ca-key.pem --org ${shellWord(org)}`} />
      <ol className={css.steps}>
        <li>
          <FileText
            label="Certificate of the authority"
            hint="In PEM. It needs a subject key identifier, as those of all common tools have."
            value={cert}
            error={form.error('cert')}
            onChange={setCert}
            placeholder="-----BEGIN CERTIFICATE-----"
            accept=".pem,.crt,.cer,.der"
          />
        </li>
        <li>
          <Proof org={org} />
          <FileText
            label="The proof"
            hint="The file proof.pem that the commands above made."
            value={proof}
            error={form.error('verification_cert')}
            onChange={setProof}
            placeholder="-----BEGIN CERTIFICATE-----"
            accept=".pem,.crt,.cer,.der"
          />
        </li>
        <li className="stack-small">
          <TextField label="Description" value={description} error={form.error('description')} onChange={(e) => setDescription(e.target.value)} placeholder="Factory 2" />
          <Check
            label="It ends when its certificate expires"
            hint="Otherwise it vouches for devices for as long as it is registered."
            checked={expires}
            onChange={setExpires}
          />
          <Provision org={org} jitp={jitp} onChange={setJitp} />
        </li>
      </ol>
      {form.problem}
      <DialogButtons>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" kind="primary" busy={form.busy}>
          Register it
        </Button>
      </DialogButtons>
    </form>
  )
}

/** The commands that make the proof, with the token in them. */
function Proof({ org }: { org: string }) {
  const token = useQuery({
    queryKey: ['verification-token', org],
    staleTime: TOKEN_AGE,
    refetchInterval: TOKEN_AGE,
    queryFn: () => data(api.GET('/api/orgs/{org}/ca_certificates/verification_token', { params: { path: { org } } })),
  })
  if (token.error) return <Failure error={token.error} again={() => void token.refetch()} />
  if (!token.data) return <Skeleton lines={2} />
  return (
    <div className="stack-small">
      <p>
        Prove that its private key is yours: let it sign a certificate that names a token of this server. The token is good for an hour, and
        the private key stays where it is.
      </p>
      <Command text={proofCommands(token.data.verification_token)} />
    </div>
  )
}

function proofCommands(token: string): string {
  return `echo "subjectAltName=URI:urn:nerveshub:verify:${token}" > proof.cnf
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout proof-key.pem -subj /CN=proof -out proof.csr
openssl x509 -req -in proof.csr -CA ca.pem -CAkey ca-key.pem -set_serial 1 -days 1 -extfile proof.cnf -out proof.pem`
}

/** What devices become that nobody registered. */
function Provision({ org, jitp, onChange }: { org: string; jitp: Jitp; onChange: (jitp: Jitp) => void }) {
  const products = useQuery({
    queryKey: ['products', org],
    queryFn: () => data(api.GET('/api/orgs/{org}/products', { params: { path: { org } } })),
  })
  const options = (products.data ?? []).map((p) => ({ value: p.name, label: `are made in ${p.name}` }))
  return (
    <>
      <SelectField
        label="Devices with its certificates that nobody registered"
        hint="Just-in-time provisioning: the common name of the certificate becomes the identifier of the new device."
        options={[{ value: '', label: 'are refused' }, ...options]}
        value={jitp.product}
        onChange={(product) => onChange({ ...jitp, product })}
      />
      {jitp.product && (
        <>
          <TextField label="Their tags" hint="With commas between them." value={jitp.tags} onChange={(e) => onChange({ ...jitp, tags: e.target.value })} />
          <TextField label="Their description" value={jitp.description} onChange={(e) => onChange({ ...jitp, description: e.target.value })} />
        </>
      )}
    </>
  )
}
