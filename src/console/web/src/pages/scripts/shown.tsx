/** A script and its output as text. */
import { Failure, Skeleton } from '../../ui/layout'
import type { useScript } from './script'
import css from './run.module.css'

/** What would run. While it is read anew, what was read before may be another text. */
export function ScriptText({ script }: { script: ReturnType<typeof useScript> }) {
  if (script.error) return <Failure error={script.error} again={() => void script.refetch()} />
  if (!script.data) return <Skeleton />
  return (
    <pre className={css.output} tabIndex={0} aria-label="The script" aria-busy={script.isFetching}>
      {script.data.text}
    </pre>
  )
}

export function Output({ label, text }: { label: string; text: string }) {
  if (text === '') return <p className="muted">It printed nothing.</p>
  return (
    <pre className={css.output} tabIndex={0} aria-label={label}>
      {text}
    </pre>
  )
}
