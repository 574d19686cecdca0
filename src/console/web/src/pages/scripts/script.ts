/** What all that shows or runs a support script shares: the script as the server has it now, and its run on one device. */
import { useQuery } from '@tanstack/react-query'
import { api, data, take } from '../../api/client'
import { Problem } from '../../api/problem'
import type { components } from '../../api/schema'
import { duration } from '../../ui/text'

export type ScriptEntry = components['schemas']['ScriptEntry']
export type Script = components['schemas']['Script']

/** How long to wait for the device, in milliseconds; the server waits for five minutes at most. */
export const WAITS = [10_000, 30_000, 60_000, 300_000].map((ms) => ({ value: String(ms), label: duration(ms / 1000) }))
export const FIRST_WAIT = '30000'

/** The script with its text, read anew each time that it is shown: the server runs what it has, not what was read before. */
export function useScript(org: string, product: string, id: number | null) {
  return useQuery({
    enabled: id !== null,
    // Below the key of the lists, which everything that changes a script has read again.
    queryKey: ['scripts', org, product, id],
    staleTime: 0,
    gcTime: 0,
    queryFn: ({ signal }): Promise<Script> => {
      const params = { path: { org, product, script: String(id) } }
      return data(api.GET('/api/orgs/{org}/products/{product}/scripts/{script}', { params: params as never, signal }))
    },
  })
}

type Asked = { org: string; product: string; device: string; script: number; wait: string; signal?: AbortSignal }

/** Runs a script on a device and gives what it printed. */
export function runScript({ org, product, device, script, wait, signal }: Asked): Promise<string> {
  const params = { path: { org, product, device, script: String(script) }, query: { timeout: Number(wait) } }
  const asked = { params, parseAs: 'text' as const, ...(signal && { signal }) }
  return take(api.POST('/api/orgs/{org}/products/{product}/devices/{device}/scripts/{script}', asked))
}

/** Why a script did not run, in words. */
export function refusal(error: unknown, device: string): string {
  if (error instanceof Problem && error.status === 404) return `There is no device ${device} in this product, or the script was deleted.`
  return error instanceof Problem ? error.message : String(error)
}
