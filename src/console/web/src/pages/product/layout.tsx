/** What all pages of a product share: it is remembered as the one that was looked at last. */
import { useQuery } from '@tanstack/react-query'
import { Outlet } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { useProduct } from '../../product'
import { preferencesQuery, useSetPreferences } from '../../session/preferences'

export default function ProductLayout() {
  const { org, product } = useProduct()
  const { data: preferences } = useQuery(preferencesQuery)
  const { mutate } = useSetPreferences()
  const here = `${org}/${product}`
  const last = preferences?.last
  const loaded = preferences !== undefined
  const tried = useRef('')
  useEffect(() => {
    // Once for each product: a server that refuses is not asked for ever.
    if (!loaded || last === here || tried.current === here) return
    const timer = window.setTimeout(() => {
      tried.current = here
      mutate({ last: here })
    }, 2000)
    return () => window.clearTimeout(timer)
  }, [here, last, loaded, mutate])
  return <Outlet />
}
