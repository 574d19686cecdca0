/** A release that is being put together. It lives in the address, so that a reload, a link or the back button loses nothing of it. */
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect, useState } from 'react'
import type { Group } from '../../api/types'
import { paths } from '../../paths'
import { type Typed, conditionsOf } from './conditions'
import { useGroupAddress } from './group-api'
import { written } from './settings-fields'
import { TEMPLATES, parse } from './workflow'

/** What is undefined stays as the group has it. */
export type Draft = {
  firmware: string
  archive: string
  description: string
  notes: string
  conditions: Typed | undefined
  /** `keep`, the id of a template, or `own` for the text beside it. */
  plan: string
  workflow: string
  rollback: boolean | undefined
  slots: string | undefined
  rate: string | undefined
  /** Whether a group that is off is switched on. */
  on: boolean
}

type Raw = Record<string, unknown>

/** The router reads `1` as a number; fields are texts. */
const text = (raw: Raw, key: string) => (raw[key] === undefined || raw[key] === null ? '' : String(raw[key]))
const maybe = (raw: Raw, key: string) => (raw[key] === undefined ? undefined : text(raw, key))

/** The plans that there are; another one in the address is as if there were none, so that no step is lost by a mistyped link. */
function planOf(raw: Raw): string {
  const plan = text(raw, 'plan')
  return plan === 'own' || TEMPLATES.some((t) => t.id === plan) ? plan : 'keep'
}

export function draftOf(raw: Raw): Draft {
  const changed = raw.tags !== undefined || raw.version !== undefined
  return {
    firmware: text(raw, 'firmware'),
    archive: text(raw, 'archive'),
    description: text(raw, 'description'),
    notes: text(raw, 'notes'),
    conditions: changed ? { tags: text(raw, 'tags'), operator: raw.operator === 'or' ? 'or' : 'and', version: text(raw, 'version') } : undefined,
    plan: planOf(raw),
    workflow: text(raw, 'workflow'),
    rollback: typeof raw.rollback === 'boolean' ? raw.rollback : undefined,
    slots: maybe(raw, 'slots'),
    rate: maybe(raw, 'rate'),
    on: raw.on === true,
  }
}

function searchOf(draft: Draft): Raw {
  const { conditions, plan } = draft
  return {
    firmware: draft.firmware || undefined,
    archive: draft.archive || undefined,
    description: draft.description || undefined,
    notes: draft.notes || undefined,
    tags: conditions?.tags,
    operator: conditions?.operator === 'or' ? 'or' : undefined,
    version: conditions?.version,
    plan: plan === 'keep' ? undefined : plan,
    workflow: plan === 'own' ? draft.workflow || undefined : undefined,
    rollback: draft.rollback,
    slots: draft.slots,
    rate: draft.rate,
    on: draft.on || undefined,
  }
}

/** The draft and the place in it. Going to another place is a step of the browser's history; typing is not. */
export function useDraft() {
  const raw = useSearch({ strict: false }) as Raw
  const navigate = useNavigate()
  const { org, product, group } = useGroupAddress()
  const [draft, setDraft] = useState(() => draftOf(raw))
  const place = typeof raw.step === 'number' ? Math.min(4, Math.max(1, raw.step)) : 1
  const step = draft.firmware ? place : 1
  const here = JSON.stringify(searchOf(draft))
  const there = JSON.stringify(searchOf(draftOf(raw)))
  const show = useCallback(
    (to: number, search: Raw, replace: boolean) =>
      navigate({ ...paths.group(org, product, group, 'release', { ...search, step: to > 1 ? to : undefined }), replace }),
    [navigate, org, product, group],
  )
  useEffect(() => {
    if (here === there) return
    const timer = window.setTimeout(() => void show(step, JSON.parse(here) as Raw, true), 250)
    return () => window.clearTimeout(timer)
  }, [here, there, step, show])
  const change = (changed: Partial<Draft>) => setDraft((before) => ({ ...before, ...changed }))
  return { draft, change, step, go: (to: number) => void show(to, searchOf(draft), false) }
}

/** The workflow of a draft; undefined to keep that of the group. */
export function workflowOf(draft: Draft): unknown {
  if (draft.plan === 'own') {
    // A text with mistakes is no workflow, and least of all that of everybody at once.
    const { workflow, problem } = parse(draft.workflow)
    return problem === null ? workflow : undefined
  }
  return TEMPLATES.find((t) => t.id === draft.plan)?.workflow
}

const number = (typed: string) => written('number', typed)

/** Whether two values of JSON say the same; the server keeps the members of an object in an order of its own. */
export function isAlike(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const names = Object.keys(x)
  return Array.isArray(a) === Array.isArray(b) && names.length === Object.keys(y).length && names.every((n) => n in y && isAlike(x[n], y[n]))
}

/** The settings of the group that a draft changes; what is as it was is left out. */
export function changesOf(draft: Draft, group: Group): Record<string, unknown> {
  const s = group.settings
  const changes: Record<string, unknown> = {}
  const conditions = draft.conditions && conditionsOf(draft.conditions)
  if (conditions && JSON.stringify(ofConditions(conditions)) !== JSON.stringify(ofConditions(group.conditions))) changes.conditions = conditions
  const workflow = workflowOf(draft)
  if (workflow !== undefined && !isAlike(workflow, s?.workflow ?? null)) changes.workflow = workflow
  if (draft.rollback !== undefined && draft.rollback !== s?.automatic_rollback) changes.automatic_rollback = draft.rollback
  if (draft.slots !== undefined && number(draft.slots) !== s?.concurrent_updates) changes.concurrent_updates = number(draft.slots)
  if (draft.rate !== undefined && number(draft.rate) !== (s?.bytes_per_second ?? null)) changes.bytes_per_second = number(draft.rate)
  return changes
}

const ofConditions = (c: Group['conditions']) => [c.tags, c.tag_operator, c.version]

/** What a dry run knows of the settings that a draft can change. */
const FORESEEN = ['workflow', 'bytes_per_second']

/** What a dry run is asked with: the firmware and those of the changes that it knows. */
export function proposalOf(draft: Draft, changes: Record<string, unknown>): Record<string, unknown> {
  const known = FORESEEN.filter((k) => k in changes)
  return { firmware: draft.firmware, ...Object.fromEntries(known.map((k) => [k, changes[k]])) }
}

/** What the forecast of a dry run leaves out, in sentences. */
export function leftOut(changes: Record<string, unknown>): string[] {
  return [
    ...('conditions' in changes
      ? ['The forecast is about the devices that are in the group now: which ones the changed conditions take in or leave out does not count in it.']
      : []),
    'How many updates run at once does not count in its times.',
  ]
}
