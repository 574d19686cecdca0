/** How the first device comes: shown where there is none yet, and gone by itself when one joins. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, data } from '../../api/client'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { atLeast, useRole } from '../../session/session'
import { Select } from '../../ui/form'
import { Command, Empty } from '../../ui/layout'
import { productFlags } from '../../ui/shell-word'

const WAYS = [
  { value: 'link', label: 'A Nerves device' },
  { value: 'sim', label: 'A simulated device' },
  { value: 'csv', label: 'A list of devices that exist' },
]

export function FirstDevice() {
  const { org, product } = useProduct()
  const role = useRole(org)
  const [way, setWay] = useState('link')
  const secrets = useQuery({
    queryKey: ['shared-secrets', org, product],
    enabled: atLeast(role, 'manage'),
    queryFn: () => data(api.GET('/api/orgs/{org}/products/{product}/shared_secrets', { params: { path: { org, product } } })),
  })
  const key = secrets.data?.[0]?.key ?? 'PRODUCT_KEY'
  return (
    <Empty title="No device has joined yet">
      <p>
        A device appears here when it connects for the first time, and this page turns by itself. It proves who it is by a certificate, or
        by the product's key and secret, which are in <Link {...paths.settings(org, product, 'secrets')}>the settings</Link>.
      </p>
      <Select label="What connects" options={WAYS} value={way} onChange={setWay} />
      {way === 'link' && (
        <>
          <p>In the config of the firmware, with nerves_hub_link among its dependencies:</p>
          <Command text={linkConfig(location.hostname, key)} />
        </>
      )}
      {way === 'sim' && (
        <>
          <p>Ten devices that behave as real ones do, from a terminal on any machine that reaches the device port:</p>
          <Command text={`nervecenter sim --devices 10 --url wss://${location.hostname}:4001 --product-key ${key} --product-secret SECRET`} />
        </>
      )}
      {way === 'csv' && (
        <>
          <p>A CSV file with identifier, description, tags and certificates makes the devices before they connect:</p>
          <Command text={`nervecenter device import devices.csv ${productFlags(org, product)}`} />
        </>
      )}
    </Empty>
  )
}

/** The config of `nerves_hub_link` that reaches this server. */
export function linkConfig(host: string, key: string): string {
  return `config :nerves_hub_link,
  host: "${host}:4001",
  shared_secret: [
    product_key: "${key}",
    product_secret: System.fetch_env!("PRODUCT_SECRET")
  ],
  ssl: [cacertfile: "/etc/nervecenter/ca.pem"]`
}
