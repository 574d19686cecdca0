/** The kinds of messages that webhooks and mail rules choose among. */
import { Check } from '../../ui/form'
import css from './settings.module.css'

/** In the order of the API, with what each tells. */
const EVENTS: readonly (readonly [string, string])[] = [
  ['device.online', 'A device connected.'],
  ['device.offline', 'A device went away, and why.'],
  ['update.completed', 'A device runs its new firmware.'],
  ['update.failed', 'An update failed, and why.'],
  ['firmware.published', 'Somebody uploaded firmware.'],
  ['release.created', 'A deployment group has a new release.'],
  ['notification.raised', 'The server reports a problem, such as a release that stopped.'],
]

type Props = { chosen: readonly string[]; onChange: (chosen: string[]) => void; error?: string | undefined }

export function EventChecks({ chosen, onChange, error }: Props) {
  return (
    <fieldset className={css.fieldset}>
      <legend>What is told</legend>
      {EVENTS.map(([event, sentence]) => (
        <Check
          key={event}
          label={<code>{event}</code>}
          hint={sentence}
          checked={chosen.includes(event)}
          // Kept in the order of the list, so that two rules compare at a glance.
          onChange={(on) => onChange(EVENTS.map(([e]) => e).filter((e) => (e === event ? on : chosen.includes(e))))}
        />
      ))}
      {error && (
        <p className={css.error} role="alert">
          Events {error}
        </p>
      )}
    </fieldset>
  )
}
