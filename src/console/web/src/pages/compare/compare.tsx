/** Two to five devices side by side: what is the same and what differs. Which devices, and whether only differences, is in the address. */
import { useQueries } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Equal, EqualNot, X } from 'lucide-react'
import { api, data } from '../../api/client'
import { Problem } from '../../api/problem'
import { useUrl } from '../../address/url'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { IconButton, buttonClass } from '../../ui/button'
import { Check } from '../../ui/form'
import { Empty, Failure, Notice, Page, Skeleton } from '../../ui/layout'
import { counted } from '../../ui/text'
import { useNow } from '../../ui/time'
import { D, type Extensions, deviceKey } from '../device/device'
import { type Fact, type Known, type Section, sectionsOf } from './facts'
import { MOST_COMPARED as MOST, idsOf, namesIn } from './names'
import css from './compare.module.css'

export default function Compare() {
  const { text, change } = useUrl()
  const named = namesIn(text('ids'))
  const names = named.slice(0, MOST)
  if (names.length < 2) return <TooFew />
  const only = text('only') === 'differences'
  return (
    <Page title={`Compare ${counted(names.length, 'device')}`} wide>
      {named.length > MOST && <Notice kind="warn">At most {MOST} devices are compared; the others of the address are left out.</Notice>}
      <Compared
        names={names}
        only={only}
        onOnly={(on) => change({ only: on ? 'differences' : '' })}
        onRemove={names.length > 2 ? (name) => change({ ids: idsOf(names.filter((n) => n !== name)) }) : undefined}
      />
    </Page>
  )
}

function TooFew() {
  const { org, product } = useProduct()
  return (
    <Page title="Compare devices">
      <Empty title="Which devices?">
        <p>
          Select two to {MOST} devices in the list, with the mouse or by <kbd>x</kbd>, and choose Compare: firmware, settings, health and
          everything else of them stands side by side, and what differs is marked.
        </p>
        <Link className={buttonClass} {...paths.product(org, product, 'devices')}>
          To the devices
        </Link>
      </Empty>
    </Page>
  )
}

/** How often the devices are read again, in milliseconds. */
const EVERY = 30_000

function useKnown(names: readonly string[]) {
  const { org, product } = useProduct()
  return useQueries({
    queries: names.map((device) => {
      const at = { org, product, device }
      return {
        queryKey: deviceKey(at, 'compared'),
        refetchInterval: EVERY,
        queryFn: async ({ signal }: { signal: AbortSignal }): Promise<Known | null> => {
          const path = { params: { path: at }, signal }
          try {
            const [shown, health, connections, extensions] = await Promise.all([
              data(api.GET(D, path)),
              data(api.GET(`${D}/health`, { params: { path: at, query: { limit: 1 } }, signal })),
              data(api.GET(`${D}/connections`, { params: { path: at, query: { limit: 1 } }, signal })),
              data(api.GET(`${D}/extensions`, path)),
            ])
            return { device: shown, health: health[0], connection: connections[0], extensions: extensions as unknown as Extensions }
          } catch (e) {
            if (e instanceof Problem && e.status === 404) return null
            throw e
          }
        },
      }
    }),
  })
}

type Props = { names: readonly string[]; only: boolean; onOnly: (on: boolean) => void; onRemove: ((name: string) => void) | undefined }

function Compared({ names, only, onOnly, onRemove }: Props) {
  const now = useNow()
  const read = useKnown(names)
  const failed = read.find((r) => r.error)
  if (failed) return <Failure error={failed.error} again={() => void Promise.all(read.map((r) => r.refetch()))} />
  if (read.some((r) => r.isPending)) return <Skeleton lines={8} />
  const missing = names.filter((_, i) => read[i]?.data === null)
  const found = names.flatMap((name, i) => {
    const known = read[i]?.data
    return known ? [{ name, known }] : []
  })
  const sections = sectionsOf(
    found.map((f) => f.known),
    now,
  )
  const facts = sections.flatMap((s) => s.facts)
  const different = facts.filter((f) => f.differs).length
  return (
    <>
      {missing.length > 0 && (
        <Notice kind="warn">
          This product has no {missing.length === 1 ? 'device' : 'devices'} {missing.join(', ')}.
        </Notice>
      )}
      {found.length < 2 ? (
        <p className="muted">With fewer than two devices there is nothing to compare.</p>
      ) : (
        <>
          <div className="row">
            <span aria-live="polite">{different === 0 ? `All ${counted(facts.length, 'fact')} are the same.` : `${different} of ${counted(facts.length, 'fact')} differ.`}</span>
            <Check label="Only what differs" checked={only} onChange={onOnly} />
          </div>
          <Side names={found.map((f) => f.name)} sections={sections} only={only} onRemove={onRemove} />
          <p className="small muted">Metrics count as different when they are apart by more than a tenth of the larger one.</p>
        </>
      )}
    </>
  )
}

type SideProps = { names: readonly string[]; sections: readonly Section[]; only: boolean; onRemove: Props['onRemove'] }

function Side({ names, sections, only, onRemove }: SideProps) {
  const { org, product } = useProduct()
  const shown = sections.map((s) => ({ ...s, facts: s.facts.filter((f) => f.differs || !only) })).filter((s) => s.facts.length > 0)
  return (
    <div className={css.wrap} tabIndex={0} role="region" aria-label="Devices side by side">
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">Fact</th>
            {names.map((name) => (
              <th key={name} scope="col">
                <span className={css.device}>
                  <Link {...paths.device(org, product, name)} className="mono">
                    {name}
                  </Link>
                  {onRemove && (
                    <IconButton small label={`Leave ${name} out`} onClick={() => onRemove(name)}>
                      <X size={13} aria-hidden />
                    </IconButton>
                  )}
                </span>
              </th>
            ))}
          </tr>
        </thead>
        {shown.map(({ title, facts }) => (
          <tbody key={title}>
            <tr className={css.section}>
              <th scope="rowgroup" colSpan={names.length + 1}>
                {title}
              </th>
            </tr>
            {facts.map((fact) => (
              <FactRow key={fact.name} fact={fact} names={names} />
            ))}
          </tbody>
        ))}
      </table>
    </div>
  )
}

function FactRow({ fact, names }: { fact: Fact; names: readonly string[] }) {
  return (
    <tr data-differs={fact.differs || undefined}>
      <th scope="row">
        {fact.name}
        <span className={css.mark} data-differs={fact.differs || undefined}>
          {fact.differs ? <EqualNot size={14} aria-hidden /> : <Equal size={14} aria-hidden />}
          {fact.differs ? 'differs' : 'same'}
        </span>
      </th>
      {fact.values.map((value, i) => (
        <td key={names[i]} data-odd={fact.odd[i] || undefined}>
          <span className={css.whose} aria-hidden>
            {names[i]}
          </span>
          {value ?? <span className="muted">–</span>}
          {fact.odd[i] && <span className={css.unlike}>unlike most</span>}
        </td>
      ))}
    </tr>
  )
}
