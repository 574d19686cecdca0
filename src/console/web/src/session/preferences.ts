/** What a person likes to see, kept by the server so that it is the same in every browser. */
import { queryOptions, useMutation, useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { api, take } from '../api/client'
import { queries } from './session'

export type Preferences = {
  theme?: 'light' | 'dark'
  density?: 'comfortable'
  /** Whether single keys act; they can be switched off (WCAG 2.1.4). */
  keys?: boolean
  /** Columns of the device list. */
  columns?: string[]
  /** The product that was looked at last, as `org/product`. */
  last?: string
}

export const preferencesQuery = queryOptions({
  queryKey: ['preferences'],
  staleTime: Infinity,
  gcTime: Infinity,
  queryFn: async () => ((await take(api.GET('/api/users/me/preferences'))) as { data?: Preferences }).data ?? {},
})

export function usePreferences(): Preferences {
  return useQuery(preferencesQuery).data ?? {}
}

/** Changes some preferences and keeps the others, also those that another tab has changed meanwhile. */
export function useSetPreferences() {
  return useMutation({
    mutationFn: async (changed: Preferences) => {
      const before = await queries.fetchQuery({ ...preferencesQuery, staleTime: 0 })
      await take(api.PUT('/api/users/me/preferences', { body: { preferences: { ...before, ...changed } as never } }))
      queries.setQueryData(preferencesQuery.queryKey, { ...before, ...changed })
    },
  })
}

/** Shows the page in the theme and density that the person likes. */
export function useAppearance(): void {
  const { theme, density } = usePreferences()
  useEffect(() => {
    const root = document.documentElement
    if (theme) root.dataset.theme = theme
    else delete root.dataset.theme
    if (density) root.dataset.density = density
    else delete root.dataset.density
  }, [theme, density])
}
