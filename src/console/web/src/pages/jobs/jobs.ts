/** Actions on many devices: what they are called, and how the API is asked for them. */
import { api, data, take } from '../../api/client'
import type { components } from '../../api/schema'
import { queries } from '../../session/session'
import type { Tone } from '../../ui/status'

export type Job = components['schemas']['JobView']
export type JobDetail = components['schemas']['JobDetail']
export type JobResult = components['schemas']['JobResult']
export type Preview = components['schemas']['BulkPreview']

type At = { org: string; product: string }

/** What is done to which devices, as the API takes it. */
export type BulkForm = {
  query?: string
  identifiers?: string[]
  /** Devices that are left out. */
  except?: string[]
  action: string
  args?: Record<string, unknown>
}

/** The answer depends on `dry_run`, which the document cannot say: a preview, or the job that begins. */
async function bulk<T>(path: At, body: BulkForm & { dry_run?: true; confirm?: string }): Promise<T> {
  const asked = api.POST('/api/orgs/{org}/products/{product}/devices/bulk', { params: { path }, body: body as never })
  return ((await take(asked as never)) as { data: T }).data
}

export function preview(path: At, form: BulkForm): Promise<Preview> {
  return bulk(path, { ...form, dry_run: true })
}

/** Starts what was previewed; answers the job's number. */
export async function start(path: At, form: BulkForm, confirm: string): Promise<string> {
  const job = await bulk<{ id: number }>(path, { ...form, confirm })
  await refreshJobs(path)
  return String(job.id)
}

export async function cancel(path: At, job: string): Promise<void> {
  await take(api.POST('/api/orgs/{org}/products/{product}/jobs/{job}/cancel', { params: { path: { ...path, job } } }))
  await refreshJobs(path)
}

/** Puts back what a job changed; answers the number of the job that does so. */
export async function undo(path: At, job: string): Promise<string> {
  const begun = await data(api.POST('/api/orgs/{org}/products/{product}/jobs/{job}/undo', { params: { path: { ...path, job } } }))
  await refreshJobs(path)
  return String(begun.id)
}

async function refreshJobs({ org, product }: At): Promise<void> {
  await queries.invalidateQueries({ queryKey: ['jobs', org, product] })
}

/** Whether devices run a script by it: then it waits for their answers, and none of it can be undone. */
export function isScript(job: Pick<Job, 'action'>): boolean {
  return job.action === 'script'
}

/** What a job does, as the beginning of a sentence. */
export function jobTitle(job: Pick<Job, 'action' | 'args' | 'undoes' | 'script'>): string {
  const args = (job.args ?? {}) as Record<string, unknown>
  const tags = Array.isArray(args.tags) ? args.tags.join(', ') : ''
  const words: Record<string, string> = {
    tags_add: `Add the tags ${tags}`,
    tags_remove: `Remove the tags ${tags}`,
    tags_set: tags ? `Set the tags to ${tags}` : 'Remove all tags',
    group: args.group ? `Put into ${String(args.group)}` : 'Take out of their group',
    updates: args.enabled ? 'Turn updates on' : 'Turn updates off',
    clear_penalty: 'Let out of the penalty box',
    reboot: 'Reboot',
    reconnect: 'Reconnect',
    firmware: 'Send a firmware',
    script: `Run the script ${job.script ?? ''}`,
    move: `Move to ${String(args.org ?? '')}/${String(args.product ?? '')}`,
    delete: 'Delete',
    restore: 'Restore',
  }
  const title = words[job.action] ?? job.action
  return job.undoes ? `Undo of job ${job.undoes}: ${title}` : title
}

export function jobStatus(state: string): { tone: Tone; word: string } {
  if (state === 'done') return { tone: 'ok', word: 'done' }
  if (state === 'cancelled') return { tone: 'off', word: 'cancelled' }
  if (state === 'failed') return { tone: 'bad', word: 'failed' }
  return { tone: 'running', word: 'running' }
}
