/** What the server is and can do. */
import { useQuery } from '@tanstack/react-query'
import { api, data } from '../../api/client'

export function useServer() {
  return useQuery({ queryKey: ['server'], staleTime: 300_000, queryFn: () => data(api.GET('/api/server')) })
}
