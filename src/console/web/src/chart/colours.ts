/** Colours of the page's tokens as a canvas or a terminal can use them, and when they change. */
import { useEffect } from 'react'

/** The colour of a token such as `--accent`, as the browser resolves it for the theme of `where`. */
export function colourOf(where: HTMLElement, token: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${token})`
  probe.style.display = 'none'
  where.appendChild(probe)
  const colour = getComputedStyle(probe).color
  probe.remove()
  return colour
}

/** Calls back when the person or the system goes from light to dark or back. */
export function useThemeChange(changed: () => void): void {
  useEffect(() => {
    const system = window.matchMedia('(prefers-color-scheme: dark)')
    const chosen = new MutationObserver(changed)
    chosen.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] })
    system.addEventListener('change', changed)
    return () => {
      chosen.disconnect()
      system.removeEventListener('change', changed)
    }
  }, [changed])
}
