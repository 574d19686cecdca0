import { Menu as Base } from '@base-ui/react/menu'
import type { ReactNode } from 'react'
import css from './parts.module.css'

export type MenuItem =
  | { label: string; onSelect: () => void; danger?: boolean; disabled?: boolean; note?: string }
  | 'separator'

/** A button that opens a list of actions. */
export function Menu({ label, children, items }: { label: string; children: ReactNode; items: readonly MenuItem[] }) {
  return (
    <Base.Root>
      <Base.Trigger className={css.button} aria-label={label}>
        {children}
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="end">
          <Base.Popup className={css.menu}>
            {items.map((item, i) =>
              item === 'separator' ? (
                <Base.Separator key={i} className={css.separator} />
              ) : (
                <Base.Item
                  key={item.label}
                  className={css.item}
                  data-kind={item.danger ? 'danger' : undefined}
                  disabled={item.disabled}
                  onClick={item.onSelect}
                >
                  <span className="grow">
                    {item.label}
                    {item.note && <span className="small muted"> {item.note}</span>}
                  </span>
                </Base.Item>
              ),
            )}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
