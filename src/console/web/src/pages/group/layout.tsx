/** What all pages of a deployment group share: what it is, how it stands, and what can be done with it now. */
import { Link, Outlet, useLocation } from '@tanstack/react-router'
import { useState } from 'react'
import { Problem } from '../../api/problem'
import type { Group, Rollout } from '../../api/types'
import { paths } from '../../paths'
import { atLeast, useRole } from '../../session/session'
import { Confirm } from '../../ui/dialog'
import { Check } from '../../ui/form'
import { Empty, Failure, Page, Skeleton, TabLinks } from '../../ui/layout'
import { Status } from '../../ui/status'
import { attempt } from '../../ui/toast'
import { counted } from '../../ui/text'
import { GroupActions } from './actions'
import { changeGroup, useGroup, useGroupAddress, useProgress } from './group-api'
import { groupStatus } from './group-status'

const TABS = ['live', 'releases', 'deltas', 'activity', 'settings'] as const

export default function GroupLayout() {
  const at = useGroupAddress()
  const { org, product, group: name } = at
  const { pathname } = useLocation()
  const group = useGroup(at)
  const progress = useProgress(at)
  const tab = pathname.split('/').pop() ?? ''
  if (group.error instanceof Problem && group.error.status === 404) return <NoSuchGroup name={name} />
  return (
    <Page
      title={tab === 'live' ? name : `${name}: ${tab === 'release' ? 'new release' : tab}`}
      heading={<Heading name={name} group={group.data} progress={progress.data} />}
      actions={group.data && tab !== 'release' && <GroupActions group={group.data} progress={progress.data} />}
    >
      {group.error && <Failure error={group.error} again={() => void group.refetch()} />}
      {group.isPending && <Skeleton lines={6} />}
      {group.data && (
        <>
          <TabLinks
            label={`Pages of ${name}`}
            tabs={TABS.map((t) => ({ to: address(org, product, name, t), label: t[0]?.toUpperCase() + t.slice(1) }))}
          />
          <Outlet />
        </>
      )}
    </Page>
  )
}

function address(org: string, product: string, name: string, tab: string): string {
  return `/o/${encodeURIComponent(org)}/p/${encodeURIComponent(product)}/groups/${encodeURIComponent(name)}/${tab}`
}

function NoSuchGroup({ name }: { name: string }) {
  const { org, product } = useGroupAddress()
  return (
    <Page title="No such group">
      <Empty title={`There is no group ${name}`}>
        <p>It may have been renamed or deleted. The activity of the product says by whom.</p>
        <Link {...paths.product(org, product, 'groups')}>All deployment groups</Link>
      </Empty>
    </Page>
  )
}

function Heading({ name, group, progress }: { name: string; group: Group | undefined; progress: Rollout | undefined }) {
  const { org, product } = useGroupAddress()
  const release = group?.current_release
  const status = group && groupStatus(group, progress)
  return (
    <>
      <h1>{name}</h1>
      {status && (
        <span aria-live="polite">
          <Status tone={status.tone}>{status.word}</Status>
        </span>
      )}
      {release && (
        <span className="muted">
          release {release.number}:{' '}
          <Link className="mono" {...paths.firmware(org, product, release.firmware.uuid)}>
            {release.firmware.version}
          </Link>{' '}
          for {release.firmware.platform}
        </span>
      )}
      {group && <ActiveSwitch group={group} progress={progress} />}
    </>
  )
}

/** Switching off takes effect at once and can be undone; switching on begins updates, so it asks first. */
function ActiveSwitch({ group, progress }: { group: Group; progress: Rollout | undefined }) {
  const at = useGroupAddress()
  const may = atLeast(useRole(at.org), 'manage')
  const [asking, setAsking] = useState(false)
  const set = (is_active: boolean) => changeGroup(at, { is_active })
  const behind = progress ? Math.max(0, progress.devices - progress.updated) : (group.device_count ?? 0)
  return (
    <>
      <Check
        label="Active"
        checked={group.is_active}
        disabled={!may}
        onChange={(on) =>
          on
            ? setAsking(true)
            : void attempt(
                `${group.name} is off: no update begins.`,
                () => set(false),
                () => set(true),
              )
        }
      />
      <Confirm open={asking} onClose={() => setAsking(false)} title={`Switch ${group.name} on?`} act="Switch on" onConfirm={() => set(true)}>
        <p>
          {behind === 0
            ? 'No device in it waits for its release.'
            : `${counted(behind, 'device')} in it ${behind === 1 ? 'does' : 'do'} not run its release and will be updated, within the group’s limits.`}{' '}
          Connected devices without a group that its conditions take enter it.
        </p>
      </Confirm>
    </>
  )
}
