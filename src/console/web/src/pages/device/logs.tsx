/** The lines of a device's log: narrowed by level and text, page by page into the past, or followed as they come. */
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { api, data } from '../../api/client'
import type { LogLine } from '../../api/types'
import { Button } from '../../ui/button'
import { Check, SelectField, TextField } from '../../ui/form'
import { Card, Command, Empty, Failure, Notice, Skeleton } from '../../ui/layout'
import { productFlags, shellWord } from '../../ui/shell-word'
import { Status, type Tone } from '../../ui/status'
import { Table } from '../../ui/table'
import { moment } from '../../ui/text'
import { useTyped } from '../../ui/use-typed'
import { useUrl } from '../../address/url'
import { D, EVERY, deviceKey, useDeviceAddress, useExtensions } from './device'
import { ExtensionSwitch } from './extensions'
import css from './device.module.css'

/** Lines of a page. */
const PAGE = 100
/** How often lines are read when they are followed, in milliseconds. */
const FOLLOW = 2_000

/** The levels of Elixir's Logger, from the worst. */
const LEVELS = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'info', 'debug']

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' })

function toneOf(level: string): Tone {
  if (['emergency', 'alert', 'critical', 'error'].includes(level)) return 'bad'
  if (level === 'warning' || level === 'warn') return 'warn'
  return level === 'debug' ? 'off' : 'waiting'
}

export default function Logs() {
  const at = useDeviceAddress()
  const { text, change } = useUrl()
  const [level, asked, before] = [text('level'), text('q'), text('before')]
  const follow = text('follow') === 'on' && !before
  const [typed, setTyped] = useTyped(asked, (q) => change({ q, before: '' }))
  const lines = useQuery<readonly LogLine[]>({
    queryKey: deviceKey(at, 'logs', level, asked, before),
    placeholderData: keepPreviousData,
    // Where there is no line yet the first one is waited for; lines that are read must not move.
    refetchInterval: ({ state }) => (follow ? FOLLOW : state.data?.length === 0 ? EVERY : false),
    queryFn: ({ signal }) => {
      const query = { limit: PAGE, level: level || undefined, search: asked || undefined, before: before || undefined }
      return data(api.GET(`${D}/logs`, { params: { path: at, query }, signal }))
    },
  })
  const narrowed = Boolean(level || asked || typed || before)
  if (lines.data?.length === 0 && !narrowed) return <NoLines />
  return (
    <Card title="Log">
      <div className="stack-small">
        <div className={css.tools}>
          <SelectField
            label="Level"
            options={[{ value: '', label: 'all levels' }, ...LEVELS.map((l) => ({ value: l, label: l }))]}
            value={level}
            onChange={(l) => change({ level: l, before: '' })}
          />
          <div className={css.search}>
            <TextField label="Text" value={typed} onChange={(e) => setTyped(e.target.value)} placeholder="A part of the line" />
          </div>
          <Check label="Follow" hint="reads anew every 2 s" checked={follow} onChange={(on) => change({ follow: on ? 'on' : '', before: '' })} />
          <Button onClick={() => void lines.refetch()} busy={lines.isFetching && !follow}>
            Read anew
          </Button>
        </div>
        {lines.error && <Failure error={lines.error} again={() => void lines.refetch()} />}
        {lines.isPending && <Skeleton lines={6} />}
        {lines.data && <Lines lines={lines.data} none={before ? 'There are no older lines.' : 'No line of the log fits.'} />}
        {lines.data && <Ends lines={lines.data} before={before} onBefore={(cursor, keep) => change({ before: cursor, follow: '' }, keep)} />}
      </div>
    </Card>
  )
}

function Ends({ lines, before, onBefore }: { lines: readonly LogLine[]; before: string; onBefore: (cursor: string, keep: boolean) => void }) {
  const last = lines.at(-1)
  if (!before && lines.length < PAGE) return null
  return (
    <nav className="row" aria-label="Pages of the log">
      <Button small disabled={!before} onClick={() => onBefore('', true)}>
        Newest
      </Button>
      <Button small disabled={lines.length < PAGE || !last} onClick={() => last && onBefore(last.cursor, true)}>
        Older
      </Button>
    </nav>
  )
}

function Lines({ lines, none }: { lines: readonly LogLine[]; none: string }) {
  return (
    <Table
      label="Lines of the log, newest first"
      rows={lines}
      rowKey={(l) => l.cursor}
      none={none}
      columns={[
        {
          name: 'Time',
          names: true,
          cell: (l) => (
            <time className={css.nowrap} dateTime={moment(l.timestamp).toISOString()} title={l.timestamp}>
              {exact.format(moment(l.timestamp))}
            </time>
          ),
        },
        { name: 'Level', cell: (l) => <Status tone={toneOf(l.level)}>{l.level}</Status> },
        { name: 'Line', cell: (l) => <Message line={l} /> },
      ]}
    />
  )
}

/** What is left of the metadata of a line when its time, which stands beside it, is taken away. */
function metaOf(line: LogLine): [string, string][] {
  const meta = (line.meta ?? {}) as Record<string, unknown>
  return Object.entries(meta).flatMap(([key, value]) =>
    key === 'time' || value === null ? [] : [[key, typeof value === 'string' ? value : JSON.stringify(value)] as [string, string]],
  )
}

function Message({ line }: { line: LogLine }) {
  const meta = metaOf(line)
  return (
    <div className={css.line}>
      <pre>{line.message}</pre>
      {meta.length > 0 && <span className="small muted">{meta.map(([key, value]) => `${key} ${value}`).join(', ')}</span>}
    </div>
  )
}

function NoLines() {
  const at = useDeviceAddress()
  const logging = useExtensions().data?.logging
  const off = logging && (!logging.device || !logging.product)
  return (
    <Empty title="No line yet">
      <p>
        A device with the extension Logs sends the lines of its log while it is connected; they can be searched here. What it logs without a
        connection stays on the device. With the extension on and nothing here, the console shows what the device has kept itself:
      </p>
      {off ? (
        <>
          <Notice kind="warn">The extension is switched off.</Notice>
          <ExtensionSwitch name="logging" at={at} states={logging} />
        </>
      ) : (
        <Command text={`echo 'RingLogger.next()' | nervecenter device console ${shellWord(at.device)} ${productFlags(at.org, at.product)}`} />
      )}
    </Empty>
  )
}
