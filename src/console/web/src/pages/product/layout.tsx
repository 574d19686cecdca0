/** What all pages of a product share: it is remembered as the one that was looked at last. */
import { Outlet } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useProduct } from '../../product'
import { usePreferences, useSetPreferences } from '../../session/preferences'

export default function ProductLayout() {
  const { org, product } = useProduct()
  const { last } = usePreferences()
  const { mutate } = useSetPreferences()
  const here = `${org}/${product}`
  useEffect(() => {
    if (last !== here) {
      const timer = window.setTimeout(() => mutate({ last: here }), 2000)
      return () => window.clearTimeout(timer)
    }
  }, [here, last, mutate])
  return <Outlet />
}
