/** What firmware the product takes, and its end. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import type { components } from '../../api/schema'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { atLeast, queries, useRole } from '../../session/session'
import { Button } from '../../ui/button'
import { Confirm } from '../../ui/dialog'
import { Check } from '../../ui/form'
import { Card, Failure, Notice, Skeleton, useTitle } from '../../ui/layout'
import { counted } from '../../ui/text'
import { attempt, toast } from '../../ui/toast'
import { useArchives, useDeviceCount, useFirmwares, useGroupList } from '../firmware/queries'
import { RoleNote } from '../../ui/role-note'
import { useServer } from './server'

type Product = components['schemas']['Product']
type Switches = Partial<Pick<Product, 'require_unique_firmware_version' | 'allowed_update_tools' | 'allow_unsigned_esp_idf_firmware'>>

export default function General() {
  const { org, product } = useProduct()
  useTitle(`General settings of ${product}`)
  const read = useQuery({
    queryKey: ['product', org, product],
    queryFn: ({ signal }): Promise<Product> => data(api.GET('/api/orgs/{org}/products/{product}', { params: { path: { org, product } }, signal })),
  })
  return (
    <>
      {read.error && <Failure error={read.error} again={() => void read.refetch()} />}
      {read.isPending && <Skeleton lines={5} />}
      {read.data && <FirmwareRules product={read.data} />}
      <End />
    </>
  )
}

function FirmwareRules({ product: p }: { product: Product }) {
  const { org, product } = useProduct()
  const may = atLeast(useRole(org), 'manage')
  const [asking, setAsking] = useState(false)
  const server = useServer()
  const espIdf = server.data?.features.includes('esp_idf') ?? false
  const put = async (changed: Switches) => {
    const params = { path: { org, product } }
    const after = await data(api.PUT('/api/orgs/{org}/products/{product}', { params, body: changed as never }))
    queries.setQueryData(['product', org, product], after)
  }
  const change = (done: string, changed: Switches, back: Switches) => void attempt(done, () => put(changed), () => put(back))
  const unsigned = (on: boolean) => put({ allow_unsigned_esp_idf_firmware: on })
  const tools = p.allowed_update_tools
  const tool = (name: string, on: boolean) => {
    const wanted = on ? [...tools, name] : tools.filter((t) => t !== name)
    const done = on ? `The product takes ${name} files now.` : `The product takes no ${name} files any more.`
    change(done, { allowed_update_tools: wanted }, { allowed_update_tools: tools })
  }
  return (
    <Card title="Firmware that the product takes">
      <div className="stack-small">
        <Check
          label="A version can be uploaded once only"
          hint="For each platform and architecture; it keeps two files from going by one name."
          checked={p.require_unique_firmware_version}
          disabled={!may}
          onChange={(on) =>
            change(
              on ? 'A version can be uploaded once only.' : 'A version can be uploaded again.',
              { require_unique_firmware_version: on },
              { require_unique_firmware_version: !on },
            )
          }
        />
        <Check
          label="fwup files"
          hint="The .fw files of Nerves."
          checked={tools.includes('fwup')}
          // The last kind stays: a product that takes none could not be updated.
          disabled={!may || (tools.length === 1 && tools[0] === 'fwup')}
          onChange={(on) => tool('fwup', on)}
        />
        <Check
          label="ESP-IDF images"
          hint={`The .bin files of microcontrollers. ${espIdf ? '' : 'This server takes none: whoever runs it starts it with --esp-idf on.'}`}
          checked={tools.includes('esp-idf')}
          disabled={!may || (!espIdf && !tools.includes('esp-idf')) || (tools.length === 1 && tools[0] === 'esp-idf')}
          onChange={(on) => tool('esp-idf', on)}
        />
        <Check
          label="ESP-IDF images without a signature"
          hint="Whoever may upload can then bring any code to the devices."
          checked={p.allow_unsigned_esp_idf_firmware}
          disabled={!may || (!tools.includes('esp-idf') && !p.allow_unsigned_esp_idf_firmware)}
          // What asks before it is switched on is not switched on by an Undo.
          onChange={(on) => (on ? setAsking(true) : void attempt('ESP-IDF images need a signature.', () => unsigned(false)))}
        />
        <RoleNote org={org} needs="manage" what="Changing these settings" />
      </div>
      <Confirm
        open={asking}
        onClose={() => setAsking(false)}
        title="Take images without a signature?"
        act="Take them"
        danger
        typed={product}
        onConfirm={() => unsigned(true).then(() => toast('ESP-IDF images may lack a signature.'))}
      >
        <p>
          Nothing then proves who made an ESP-IDF image of {product}: whoever may upload, and whoever has their password or token, can bring any code
          to its devices by a release.
        </p>
      </Confirm>
    </Card>
  )
}

function End() {
  const { org, product } = useProduct()
  const may = useRole(org) === 'admin'
  const navigate = useNavigate()
  const [open, setOpen] = useState(false)
  const held = useHeld()
  const act = async () => {
    await take(api.DELETE('/api/orgs/{org}/products/{product}', { params: { path: { org, product } } }))
    toast(`The product ${product} is deleted.`)
    await navigate({ ...paths.org(org), replace: true })
    await queries.invalidateQueries({ queryKey: ['products', org] })
    await queries.invalidateQueries({ queryKey: ['session'] })
  }
  return (
    <Card title="Delete the product">
      <div className="stack-small">
        <p>
          Only an empty product can be deleted, so that nobody loses a fleet by one click. A product cannot be renamed, because devices and
          firmware know it by its name.
        </p>
        {held.length > 0 && (
          <Notice>
            {product} still has {held.join(', ')}. Delete or move them first; a deleted device counts until it is destroyed.
          </Notice>
        )}
        <RoleNote org={org} needs="admin" what="Deleting a product" />
        <div>
          <Button kind="danger" disabled={!may || held.length > 0} onClick={() => setOpen(true)}>
            Delete the product…
          </Button>
        </div>
      </div>
      <Confirm open={open} onClose={() => setOpen(false)} title={`Delete ${product}`} act="Delete the product" danger typed={product} onConfirm={act}>
        <p>
          Its settings, secrets, scripts, webhooks and mail rules are deleted, and cannot be brought back. Devices that come with its secrets
          are refused.
        </p>
      </Confirm>
    </Card>
  )
}

/** What the product still has, in words; the server refuses while it has any. */
function useHeld(): string[] {
  const { org, product } = useProduct()
  const devices = useDeviceCount(org, product, 'deleted = true or deleted = false').data ?? 0
  const groups = useGroupList(org, product).data?.length ?? 0
  const firmwares = useFirmwares(org, product).data?.length ?? 0
  const archives = useArchives(org, product).data?.length ?? 0
  return [
    devices > 0 && counted(devices, 'device'),
    groups > 0 && counted(groups, 'deployment group'),
    firmwares > 0 && counted(firmwares, 'firmware', 'firmware files'),
    archives > 0 && counted(archives, 'archive'),
  ].filter((text) => text !== false)
}
