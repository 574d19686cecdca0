/** Short messages about what was done, with a way to take it back where there is one. */
import { Toast } from '@base-ui/react/toast'
import { X } from 'lucide-react'
import { Problem } from '../api/problem'
import { Button, IconButton } from './button'
import css from './parts.module.css'

const manager = Toast.createToastManager()

/** Says what was done; `undo` takes it back. */
export function toast(title: string, undo?: () => Promise<unknown>): void {
  manager.add({
    title,
    timeout: undo ? 10_000 : 5_000,
    ...(undo && { data: { undo } }),
  })
}

/** Says what the server refused. */
export function toastProblem(error: unknown): void {
  manager.add({ title: error instanceof Problem ? error.message : String(error), type: 'error', priority: 'high', timeout: 10_000 })
}

/** Does something and says how it went. */
export async function attempt(done: string, act: () => Promise<unknown>, undo?: () => Promise<unknown>): Promise<boolean> {
  try {
    await act()
    toast(done, undo)
    return true
  } catch (e) {
    toastProblem(e)
    return false
  }
}

export function Toasts({ children }: { children: React.ReactNode }) {
  return (
    <Toast.Provider toastManager={manager}>
      {children}
      <Toast.Portal>
        <Toast.Viewport className={css.toasts}>
          <List />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  )
}

function List() {
  const { toasts, close } = Toast.useToastManager<{ undo?: () => Promise<unknown> }>()
  return toasts.map((t) => (
    <Toast.Root key={t.id} toast={t} className={css.toast} data-type={t.type}>
      <Toast.Title render={<div className="grow" />} />
      {t.data?.undo && (
        <Button
          small
          onClick={() => {
            close(t.id)
            void t.data?.undo?.().catch(toastProblem)
          }}
        >
          Undo
        </Button>
      )}
      <IconButton small label="Close" onClick={() => close(t.id)}>
        <X size={14} aria-hidden />
      </IconButton>
    </Toast.Root>
  ))
}
