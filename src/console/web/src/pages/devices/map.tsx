/** The device list as a map: where the devices of a query are that told it. The view is in the address; a table says the same. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { api, data } from '../../api/client'
import { useUrl } from '../../address/url'
import { WorldMap } from '../../map/map'
import { MOST_ZOOM, type Place, type Size, type View, bbox, boundsOf, fitted, gridZoom, merged, read, written } from '../../map/view'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { Button } from '../../ui/button'
import { Command, Empty, Failure, Skeleton } from '../../ui/layout'
import { Status, healthStatus } from '../../ui/status'
import { Table } from '../../ui/table'
import { count, counted } from '../../ui/text'
import { useSettled } from '../../ui/use-settled'
import css from './devices.module.css'

/** Places of the table; the map has them all. */
const LISTED = 100
/** How often devices are asked for where they are, in milliseconds. */
const EVERY = 30_000
const UNSEEN: Size = { width: 0, height: 0 }

/** The places of devices that a query finds, within bounds. */
function usePlaces(query: string, within: { bbox?: string; zoom: number } | null) {
  const { org, product } = useProduct()
  return useQuery({
    queryKey: ['devices', org, product, 'map', query, within?.bbox, within?.zoom],
    enabled: within !== null,
    placeholderData: keepPreviousData,
    refetchInterval: EVERY,
    queryFn: ({ signal }): Promise<Place[]> =>
      data(api.GET('/api/orgs/{org}/products/{product}/device_map', { params: { path: { org, product }, query: { query: query || undefined, ...within } as never }, signal })),
  })
}

export default function DeviceMap({ query }: { query: string }) {
  const { org, product } = useProduct()
  const navigate = useNavigate()
  const { text, change } = useUrl()
  const [size, setSize] = useState<Size>(UNSEEN)
  const [looked, setLooked] = useState<View | null>(() => read(text('at')))
  const everywhere = usePlaces(query, { zoom: 0 })
  const whole = everywhere.data
  // Before somebody moves the map it shows all places.
  const view = looked ?? fitted(whole ?? [], size)
  const settled = useSettled(view, 200)
  const bounds = boundsOf(settled, size)
  const here = usePlaces(query, size.width > 0 && whole && whole.length > 0 ? { bbox: bbox(bounds), zoom: gridZoom(settled, bounds) } : null)
  const place = looked && written(looked)
  useEffect(() => {
    const timer = window.setTimeout(() => change({ at: place ?? '' }), 300)
    return () => window.clearTimeout(timer)
  }, [place, change])
  if (everywhere.error) return <Failure error={everywhere.error} again={() => void everywhere.refetch()} />
  if (whole?.length === 0) return <Nowhere query={query} />
  const places = merged(here.data ?? whole ?? [], settled)
  const open = (p: Place) => {
    if (p.count === 1) void navigate(paths.device(org, product, p.identifier))
    else setLooked({ lat: p.lat, lon: p.lon, zoom: Math.min(view.zoom + 2, MOST_ZOOM) })
  }
  return (
    <div className={css.map}>
      <WorldMap
        label={`Map of ${counted(total(whole ?? []), 'device')} that told where they are`}
        view={view}
        size={size}
        places={places}
        onView={setLooked}
        onSize={setSize}
        onWhole={() => setLooked(null)}
        onPlace={open}
      />
      <div className={css.places}>
        {!whole && <Skeleton lines={4} />}
        <p className="small" aria-live="polite" hidden={!whole}>
          {here.error ? 'What is here could not be read.' : `${counted(total(places), 'device')} here, in ${counted(places.length, 'place')}.`}
        </p>
        {whole && <Places places={places} onOpen={open} nearest={view.zoom >= MOST_ZOOM} />}
      </div>
    </div>
  )
}

function total(places: readonly Place[]): number {
  return places.reduce((sum, p) => sum + p.count, 0)
}

/** The same as the map, for those who do not see it or have no pointer. */
function Places({ places, onOpen, nearest }: { places: readonly Place[]; onOpen: (place: Place) => void; nearest: boolean }) {
  const { org, product } = useProduct()
  const degrees = (p: Place) => `${p.lat.toFixed(2)}, ${p.lon.toFixed(2)}`
  return (
    <>
      <Table
        label="Places"
        rows={places.slice(0, LISTED)}
        rowKey={(p) => p.identifier}
        columns={[
          {
            name: 'Devices',
            names: true,
            cell: (p) =>
              p.count === 1 || nearest ? (
                <span>
                  {p.count > 1 && `${count(p.count)}, such as `}
                  <Link {...paths.device(org, product, p.identifier)} className="mono">
                    {p.identifier}
                  </Link>
                </span>
              ) : (
                <Button small onClick={() => onOpen(p)} aria-label={`Nearer to ${count(p.count)} devices at ${degrees(p)}`}>
                  {count(p.count)} devices
                </Button>
              ),
          },
          { name: 'Worst', cell: (p) => <Status tone={healthStatus(p.worst).tone}>{healthStatus(p.worst).word}</Status> },
          { name: 'At', cell: (p) => <span className="num small">{degrees(p)}</span> },
        ]}
        none="No device is in this part of the world."
      />
      {places.length > LISTED && <p className="small muted">{count(places.length - LISTED)} more places have fewer devices; go nearer to see them here.</p>}
    </>
  )
}

/** None of the devices told where it is: how they come to do it. */
function Nowhere({ query }: { query: string }) {
  const { org, product } = useProduct()
  return (
    <Empty title={query ? 'None of these devices has told where it is' : 'No device has told where it is'}>
      <p>
        Devices tell their position by the extension Position, which is switched on in the{' '}
        <Link {...paths.settings(org, product, 'extensions')}>extensions of the product</Link> and of each device. With nerves_hub_link 2.6 or later they
        find it by their address on the internet, or by a resolver of your own, such as one for GPS:
      </p>
      <Command text={'config :nerves_hub_link, geo: [resolver: MyApp.Location]'} />
      <p>The server asks when a device connects, so the first marks come as devices do.</p>
    </Empty>
  )
}
