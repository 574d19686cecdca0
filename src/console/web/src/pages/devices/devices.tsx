/** The devices of a product: found by a query, seen as a table of any length, and acted on. Every view is its address. */
import { useNavigate, useRouter, useSearch } from '@tanstack/react-router'
import { Download, Map as MapIcon } from 'lucide-react'
import { Suspense, lazy, useCallback, useEffect, useMemo, useState } from 'react'
import { Problem } from '../../api/problem'
import { useLive } from '../../live/live'
import { paths } from '../../paths'
import { togglePins, usePins } from '../device/pins'
import { useProduct } from '../../product'
import { useKey } from '../../shell/keys'
import { VirtualTable, type Sort } from '../../table/virtual-table'
import { Button, buttonClass } from '../../ui/button'
import { Empty, Failure, Page, Skeleton } from '../../ui/layout'
import { count } from '../../ui/text'
import { toast } from '../../ui/toast'
import { useTyped } from '../../ui/use-typed'
import { ColumnChooser, useColumns } from './column-chooser'
import { deviceColumns } from './columns'
import { Facets } from './facets'
import { FirstDevice } from './first-device'
import { ForScript, useChosenScript } from './for-script'
import { type ListedDevice, useDeviceList, useQueryColumns } from './list'
import { NewDevice } from './new-device'
import { QueryBar } from './query-bar'
import { EVERYTHING, NOTHING, countOf, isSelected, toggled } from './selection'
import { SelectionBar } from './selection-bar'
import { Views } from './views'
import css from './devices.module.css'

const DeviceMap = lazy(() => import('./map'))

/** How long after the last key the devices are asked for, in milliseconds: they come faster than other lists. */
const PAUSE = 150

type Search = { q: string; sort: Sort; cols: string[] | null; map: boolean }

/** What the address says of the list: `q`, `sort` (with a minus for the other direction), `cols`, and `map` for its other look. */
function useListSearch(): [Search, (changed: Partial<Search>) => void] {
  const raw = useSearch({ strict: false }) as Record<string, unknown>
  const navigate = useNavigate()
  const { org, product } = useProduct()
  // The router reads `12345` as a number and `true` as a truth; both are texts that somebody searches for.
  const text = (key: string) => (raw[key] === undefined || raw[key] === null ? '' : String(raw[key]))
  const [q, order, cols, map, at] = [text('q'), text('sort') || 'identifier', text('cols'), text('map') === '1', text('at')]
  const script = text('script')
  const search = useMemo<Search>(
    () => ({
      q,
      sort: { by: order.replace(/^-/, ''), descending: order.startsWith('-') },
      cols: cols ? cols.split(',') : null,
      map,
    }),
    [q, order, cols, map],
  )
  const change = useCallback(
    (changed: Partial<Search>) => {
      const next = { ...search, ...changed }
      const sort = (next.sort.descending ? '-' : '') + next.sort.by
      const written = {
        q: next.q || undefined,
        sort: sort === 'identifier' ? undefined : sort,
        cols: next.cols?.join(',') || undefined,
        map: next.map ? 1 : undefined,
        // Where the map is looked at; another query is looked at where it has places.
        at: (next.map && next.q === search.q && at) || undefined,
        script: script || undefined,
      }
      void navigate({ ...paths.product(org, product, 'devices', written), replace: true })
    },
    [search, at, script, navigate, org, product],
  )
  return [search, change]
}

export default function Devices() {
  const { org, product } = useProduct()
  const [search, change] = useListSearch()
  const [text, setText] = useTyped(search.q, (q) => change({ q }), PAUSE)
  const [visible, setVisible] = useState<[number, number]>([0, 0])
  const [selection, setSelection] = useState(NOTHING)
  const [making, setMaking] = useState(false)
  const live = useLive(org, product)
  const [asking, setAsking] = useState(false)
  const columns = useQueryColumns(org, product, asking)
  const list = useDeviceList(org, product, search.q, search.sort, ...visible)
  const shown = useColumns(search.cols)
  const navigate = useNavigate()
  const router = useRouter()
  const clear = useCallback(() => setSelection(NOTHING), [])
  useEffect(clear, [search.q, clear])
  const script = useChosenScript()
  const pins = usePins()
  // Those that are selected, else the one under the cursor; of all that match only some are known here.
  const pin = (under?: ListedDevice) => {
    if (selection.all) toast('Pins are for single devices: select them one by one.')
    else togglePins({ org, product }, selection.names.size > 0 ? [...selection.names] : under ? [under.identifier] : [], pins.data)
  }
  useKey('p', pin)
  const problem = list.error instanceof Problem && list.error.status === 422 ? list.error : null
  const onVisible = useCallback((from: number, to: number) => setVisible([from, to]), [])
  const table = useMemo(() => deviceColumns(org, product, live).filter((c) => shown.includes(c.id)), [org, product, live, shown])
  const total = list.total ?? 0
  if (list.total === 0 && !search.q && !text) {
    return (
      <Page title="Devices" actions={<Button onClick={() => setMaking(true)}>New device</Button>}>
        <FirstDevice />
        <NewDevice open={making} onClose={() => setMaking(false)} />
      </Page>
    )
  }
  return (
    <Page
      title="Devices"
      fill
      heading={
        <>
          <h1>Devices</h1>
          <span className="muted num" aria-live="polite">
            {list.total === undefined ? '' : `${count(total)}${search.q ? ' match' : ''}`}
          </span>
        </>
      }
      actions={
        <>
          <Button onClick={() => change({ map: !search.map })} aria-pressed={search.map}>
            <MapIcon size={15} aria-hidden /> Map
          </Button>
          {!search.map && <ColumnChooser shown={shown} onChange={(cols) => change({ cols })} />}
          <a className={buttonClass} href={exportOf(org, product, list.query)} download>
            <Download size={15} aria-hidden /> Export
          </a>
          <Button onClick={() => setMaking(true)}>New device</Button>
        </>
      }
    >
      <ForScript script={script} />
      <div className={css.bar}>
        <Views search={location.search} onOpen={(saved) => void navigate(paths.product(org, product, 'devices', router.options.parseSearch(saved)))} />
        <QueryBar value={text} onChange={setText} columns={columns.data ?? []} problem={problem} onFocus={() => setAsking(true)} />
      </div>
      <Facets query={search.q} ready={list.total !== undefined && !list.stale} onNarrow={(q) => change({ q })} />
      {list.error && !problem ? <Failure error={list.error} again={list.again} /> : null}
      <div className={css.list}>
        {!search.map && countOf(selection, total) > 0 && (
          <SelectionBar query={list.query} total={total} selection={selection} onAll={() => setSelection(EVERYTHING)} onClear={clear} script={script} />
        )}
        {search.map ? (
          <Suspense fallback={<Skeleton lines={6} />}>
            <DeviceMap key={list.query} query={list.query} />
          </Suspense>
        ) : (
          <VirtualTable<ListedDevice>
            label="Devices"
            total={total}
            columns={table}
            row={list.row}
            rowKey={(d) => d.identifier}
            onVisible={onVisible}
            isSelected={(key) => isSelected(selection, key)}
            allSelected={countOf(selection, total) === total}
            onSelect={(key, picked) => setSelection((before) => toggled(before, key, picked))}
            onSelectAll={() => setSelection(selection.all ? NOTHING : EVERYTHING)}
            sort={search.sort}
            onSort={(sort) => change({ sort })}
            keys={{ p: pin }}
            onOpen={(d) => void navigate(paths.device(org, product, d.identifier))}
            from={`${list.query} ${search.sort.by} ${search.sort.descending}`}
            none={list.total === 0 && <NothingFound query={list.query} onClear={() => setText('')} />}
          />
        )}
      </div>
      <NewDevice open={making} onClose={() => setMaking(false)} />
    </Page>
  )
}

function exportOf(org: string, product: string, query: string): string {
  const asked = query ? '?' + new URLSearchParams({ query }).toString() : ''
  return `/api/orgs/${encodeURIComponent(org)}/products/${encodeURIComponent(product)}/devices.csv${asked}`
}

function NothingFound({ query, onClear }: { query: string; onClear: () => void }) {
  if (!query) return null
  return (
    <Empty title="No device matches">
      <code>{query}</code>
      <Button onClick={onClear}>Clear the query</Button>
    </Empty>
  )
}
