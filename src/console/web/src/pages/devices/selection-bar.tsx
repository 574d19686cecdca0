/** What can be done with the selected devices. */
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { paths } from '../../paths'
import { useProduct } from '../../product'
import { atLeast, useRole } from '../../session/session'
import { Button, buttonClass } from '../../ui/button'
import { Menu } from '../../ui/menu'
import { count, counted } from '../../ui/text'
import { MOST_COMPARED, idsOf } from '../compare/names'
import { type BulkAction, BulkDialog } from './bulk'
import type { ChosenScript } from './bulk-script'
import css from './devices.module.css'
import { type Selection, countOf, devicesOf } from './selection'

type Props = {
  query: string
  total: number
  selection: Selection
  onAll: () => void
  onClear: () => void
  /** The script that devices are selected for. */
  script: ChosenScript | null
}

export function SelectionBar({ query, total, selection, onAll, onClear, script }: Props) {
  const { org } = useProduct()
  const may = atLeast(useRole(org), 'manage')
  const [action, setAction] = useState<BulkAction | null>(null)
  const n = countOf(selection, total)
  const { all } = selection
  const item = (label: string, action: BulkAction, danger = false) => ({ label, danger, disabled: !may, onSelect: () => setAction(action) })
  return (
    <div className={css.selection} role="region" aria-label="Selected devices">
      <strong aria-live="polite">{all && n === total ? `All ${count(total)} that match` : `${counted(n, 'device')}${all ? ` of ${count(total)} that match` : ' selected'}`}</strong>
      {!all && total > n && (
        <Button small kind="plain" onClick={onAll}>
          Select all {count(total)} that match
        </Button>
      )}
      {script && (
        <Button small kind="primary" onClick={() => setAction('script')}>
          Run {script.name}
        </Button>
      )}
      <CompareLink selection={selection} />
      <Button small disabled={!may} onClick={() => setAction('tags_add')}>
        Add tags
      </Button>
      <Button small disabled={!may} onClick={() => setAction('group')}>
        Group
      </Button>
      <Menu
        label="More to do with them"
        items={[
          item('Remove tags', 'tags_remove'),
          item('Turn updates on', 'updates_on'),
          item('Turn updates off', 'updates_off'),
          item('Let out of the penalty box', 'clear_penalty'),
          'separator',
          item('Reboot', 'reboot'),
          item('Reconnect', 'reconnect'),
          { label: 'Run a script', onSelect: () => setAction('script') },
          item('Send a firmware', 'firmware', true),
          'separator',
          item('Move to another product', 'move', true),
          item('Delete', 'delete', true),
        ]}
      >
        More ▾
      </Menu>
      {!may && <span className="small muted">To change devices takes the role manage; you may run scripts on them.</span>}
      <Button small kind="plain" className="end" onClick={onClear}>
        Clear
      </Button>
      {action && (
        <BulkDialog
          action={action}
          script={script}
          devices={devicesOf(selection, query)}
          onClose={() => setAction(null)}
          onStarted={onClear}
        />
      )}
    </div>
  )
}

/** Compares what is selected: two to five devices, each by its name. */
function CompareLink({ selection }: { selection: Selection }) {
  const { org, product } = useProduct()
  const names = [...selection.names].sort()
  const fits = !selection.all && names.length >= 2 && names.length <= MOST_COMPARED
  if (!fits) {
    return (
      <Button small disabled title={`Select two to ${MOST_COMPARED} devices to compare them`}>
        Compare
      </Button>
    )
  }
  return (
    <Link className={buttonClass} data-size="small" {...paths.product(org, product, 'devices/compare', { ids: idsOf(names) })}>
      Compare
    </Link>
  )
}
