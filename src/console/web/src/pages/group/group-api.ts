/** What the pages of a deployment group read and change, and the names of their types. */
import { keepPreviousData, queryOptions, useQueries, useQuery } from '@tanstack/react-query'
import { api, data, take } from '../../api/client'
import type { components } from '../../api/schema'
import type { Group, ListedRelease, Rollout } from '../../api/types'
import { summaryKey } from '../../live/live'
import { useAddress, useProduct } from '../../product'
import { queries } from '../../session/session'

type Schemas = components['schemas']
export type Conditions = Schemas['Conditions']
export type Settings = Schemas['DeploymentSettings']
export type Step = Schemas['StepView']
export type Failures = Schemas['FailureView']
export type InFlight = Schemas['InFlightView']
export type Delta = Schemas['DeltaView']
export type Strays = Schemas['StraysView']
export type Forecast = Schemas['ForecastView']
export type Mistake = Schemas['WorkflowMistake']

/** A group by its name, and the path that the API knows it by. */
export type GroupAddress = { org: string; product: string; group: string; path: { org: string; product: string; name: string } }

export function useGroupAddress(): GroupAddress {
  const { org, product } = useProduct()
  const { group = '' } = useAddress()
  return addressOf(org, product, group)
}

function addressOf(org: string, product: string, group: string): GroupAddress {
  return { org, product, group, path: { org, product, name: group } }
}

/** The key of what was read of a group; every key of its parts begins with it. */
export function groupKey({ org, product, group }: GroupAddress, ...part: readonly unknown[]): readonly unknown[] {
  return ['group', org, product, group, ...part]
}

const G = '/api/orgs/{org}/products/{product}/deployments/{name}'

export function useGroup(at: GroupAddress) {
  return useQuery<Group>({
    queryKey: groupKey(at, 'show'),
    refetchInterval: 15_000,
    queryFn: ({ signal }) => data(api.GET(G, { params: { path: at.path }, signal })),
  })
}

const progressOf = (at: GroupAddress) =>
  queryOptions({
    queryKey: groupKey(at, 'progress'),
    queryFn: ({ signal }): Promise<Rollout> => data(api.GET(`${G}/progress`, { params: { path: at.path }, signal })),
  })

/** How far the current release is; read every few seconds, since a rollout moves while it is looked at. */
export function useProgress(at: GroupAddress) {
  return useQuery({ ...progressOf(at), refetchInterval: 5_000 })
}

/** How far the releases of several groups are; a group without a release has no answer. */
export function useProgressOf(org: string, product: string, groups: readonly Group[]) {
  return useQueries({
    queries: groups.map((g) => ({
      ...progressOf(addressOf(org, product, g.name)),
      refetchInterval: 10_000,
      enabled: g.current_release !== null && g.current_release !== undefined,
      placeholderData: keepPreviousData,
    })),
  })
}

export function useReleases(at: GroupAddress) {
  return useQuery<ListedRelease[]>({
    queryKey: groupKey(at, 'releases'),
    queryFn: ({ signal }) => data(api.GET(`${G}/releases`, { params: { path: at.path }, signal })),
  })
}

const deltasOf = (at: GroupAddress) =>
  queryOptions({
    queryKey: groupKey(at, 'deltas'),
    refetchInterval: 10_000,
    queryFn: ({ signal }): Promise<Delta[]> => data(api.GET(`${G}/deltas`, { params: { path: at.path }, signal })),
  })

export function useDeltas(at: GroupAddress) {
  return useQuery(deltasOf(at))
}

export function useDeltasOf(org: string, product: string, groups: readonly Group[]) {
  return useQueries({ queries: groups.map((g) => deltasOf(addressOf(org, product, g.name))) })
}

export const FAILURES_BY = ['reason', 'stage', 'version'] as const
export type FailuresBy = (typeof FAILURES_BY)[number]

const failuresOf = (at: GroupAddress, by: FailuresBy, release: number) =>
  queryOptions({
    queryKey: groupKey(at, 'failures', by, release),
    refetchInterval: 10_000,
    queryFn: ({ signal }): Promise<Failures[]> => data(api.GET(`${G}/failures`, { params: { path: at.path, query: { by, release } }, signal })),
  })

/** What the failed attempts of a release have in common. */
export function useFailures(at: GroupAddress, by: FailuresBy, release: number) {
  return useQuery(failuresOf(at, by, release))
}

/** Reads again what a change of a group can be seen in. */
export async function refreshGroup(at: GroupAddress): Promise<void> {
  await Promise.all([
    queries.invalidateQueries({ queryKey: groupKey(at) }),
    queries.invalidateQueries({ queryKey: ['groups', at.org, at.product] }),
    queries.invalidateQueries({ queryKey: summaryKey(at.org, at.product) }),
  ])
}

/** Changes settings of a group, or with `firmware` makes a release. */
export async function changeGroup(at: GroupAddress, deployment: Record<string, unknown>): Promise<Group> {
  // The document has numbers and flags as texts, too; what is sent here is checked by the server.
  const changed = await data(api.PUT(G, { params: { path: at.path }, body: { deployment } as never }))
  // A new name leaves nothing to read below the old one.
  if (changed.name === at.group) await refreshGroup(at)
  else await queries.invalidateQueries({ queryKey: ['groups', at.org, at.product] })
  return changed
}

export type Act = 'pause' | 'resume' | 'abort' | 'approve'

export async function steer(at: GroupAddress, act: Act, reason: string): Promise<void> {
  await take(api.POST(`${G}/${act}`, { params: { path: at.path }, body: { reason: reason || null } }))
  await refreshGroup(at)
}

export async function retryFailed(at: GroupAddress, reason: string): Promise<number> {
  const retried = await data(api.POST(`${G}/retry_failed`, { params: { path: at.path }, body: { reason: reason || null } }))
  await refreshGroup(at)
  return retried.devices
}

/** Has the deltas made again that could not be made: all, or the one from a firmware. */
export async function retryDeltas(at: GroupAddress, from?: string): Promise<number> {
  const retried = await data(api.POST(`${G}/deltas/retry`, { params: { path: at.path }, body: from ? { from } : {} }))
  await refreshGroup(at)
  return retried.deltas
}

export async function rollBack(at: GroupAddress, reason: string): Promise<Schemas['RollbackView']> {
  const back = await data(api.POST(`${G}/rollback`, { params: { path: at.path }, body: { reason: reason || null } }))
  await refreshGroup(at)
  return back
}
