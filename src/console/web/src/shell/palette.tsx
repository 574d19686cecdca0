/** Ctrl-K: goes to any page, device, group, firmware or product, and does what is done often. */
import { Dialog } from '@base-ui/react/dialog'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Command } from 'cmdk'
import { useState } from 'react'
import { api, take } from '../api/client'
import type { Hits } from '../api/types'
import { paths, type Target } from '../paths'
import { useAddress } from '../product'
import { useSetPreferences } from '../session/preferences'
import { end } from '../session/session'
import { freeze, useFrozen } from '../ui/freeze'
import parts from '../ui/parts.module.css'
import { toastProblem } from '../ui/toast'
import { useSettled } from '../ui/use-settled'
import css from './frame.module.css'

/** The pages of a product, by the words that people look for them with. */
const PAGES: readonly (readonly [string, string])[] = [
  ['overview', 'Overview'],
  ['devices', 'Devices'],
  ['groups', 'Rollouts, deployment groups'],
  ['firmware', 'Firmware'],
  ['archives', 'Archives'],
  ['scripts', 'Scripts'],
  ['insights', 'Insights'],
  ['notifications', 'Notifications'],
  ['jobs', 'Jobs'],
  ['audit', 'Audit log'],
  ['settings/general', 'Product settings'],
  ['settings/extensions', 'Extensions'],
  ['settings/secrets', 'Shared secrets'],
  ['settings/webhooks', 'Webhooks'],
  ['settings/mail', 'Mail rules'],
]

export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog.Root open={open} onOpenChange={(now) => !now && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className={parts.backdrop} />
        <Dialog.Popup className={`${parts.dialog} ${css.palette}`} aria-label="Search or act">
          <Body onClose={onClose} />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

function Body({ onClose }: { onClose: () => void }) {
  const { org, product } = useAddress()
  const [text, setText] = useState('')
  const navigate = useNavigate()
  const preferences = useSetPreferences()
  const frozen = useFrozen() !== null
  const hits = useHits(text, org, product)
  const go = (target: Target) => () => {
    onClose()
    void navigate(target)
  }
  const act = (done: () => void) => () => {
    onClose()
    done()
  }
  const pages = org && product ? PAGES.map(([page, label]) => ({ label, act: go(paths.product(org, product, page)) })) : []
  const own = [
    { label: 'Profile', act: go({ to: '/account/profile' }) },
    { label: 'Security, passkeys, sessions and second factor', act: go({ to: '/account/security' }) },
    { label: 'Tokens', act: go({ to: '/account/tokens' }) },
    { label: frozen ? 'Let time go on' : 'Freeze time', act: act(() => freeze(!frozen)) },
    { label: 'Dark theme', act: act(() => preferences.mutate({ theme: 'dark' })) },
    { label: 'Light theme', act: act(() => preferences.mutate({ theme: 'light' })) },
    { label: 'Log out', act: act(() => void end().catch(toastProblem)) },
  ]
  const actions = ([['Pages', pages], ['You', own]] as const)
    .map(([heading, all]) => [heading, all.filter((a) => fits(a.label, text))] as const)
    .filter(([, all]) => all.length > 0)
  return (
    <Command label="Search or act" loop shouldFilter={false}>
      <Command.Input autoFocus value={text} onValueChange={setText} placeholder="A device, group, version, page…" />
      <Command.List className={css.results}>
        <Command.Empty className={parts.item}>Nothing is called that.</Command.Empty>
        {hits && <Found hits={hits} go={go} />}
        {actions.map(([heading, all]) => (
          <Command.Group key={heading} heading={heading}>
            {all.map(({ label, act }) => (
              <Command.Item key={label} value={`${heading} ${label}`} className={parts.item} onSelect={act}>
                {label}
              </Command.Item>
            ))}
          </Command.Group>
        ))}
      </Command.List>
    </Command>
  )
}

/** Whether a label has each word of a text. */
function fits(label: string, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/)
  return words.every((word) => label.toLowerCase().includes(word))
}

/** What the server finds under a text; asked a moment after the last key. */
function useHits(text: string, org?: string, product?: string): Hits | undefined {
  const asked = useSettled(text.trim(), 120)
  const { data } = useQuery({
    queryKey: ['search', asked, org, product],
    enabled: asked.length > 1,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const query = { q: asked, org, product, limit: 6 }
      return ((await take(api.GET('/api/search', { params: { query }, signal }))) as { data: Hits }).data
    },
  })
  return asked.length > 1 ? data : undefined
}

function Found({ hits, go }: { hits: Hits; go: (target: Target) => () => void }) {
  const item = (key: string, label: string, note: string, target: Target) => (
    <Command.Item key={key} value={key} className={parts.item} onSelect={go(target)}>
      <span className="grow">{label}</span>
      <span className="small muted">{note}</span>
    </Command.Item>
  )
  return (
    <>
      {hits.devices.length > 0 && (
        <Command.Group heading="Devices">
          {hits.devices.map((d) => item(`device ${d.org}/${d.product}/${d.identifier}`, d.identifier, d.product, paths.device(d.org, d.product, d.identifier)))}
        </Command.Group>
      )}
      {hits.groups.length > 0 && (
        <Command.Group heading="Deployment groups">
          {hits.groups.map((g) => item(`group ${g.org}/${g.product}/${g.name}`, g.name, g.product, paths.group(g.org, g.product, g.name)))}
        </Command.Group>
      )}
      {hits.firmware.length > 0 && (
        <Command.Group heading="Firmware">
          {hits.firmware.map((f) => item(`firmware ${f.uuid}`, `${f.version} ${f.platform}`, f.product, paths.firmware(f.org, f.product, f.uuid)))}
        </Command.Group>
      )}
      {hits.products.length > 0 && (
        <Command.Group heading="Products">
          {hits.products.map((p) => item(`product ${p.org}/${p.name}`, p.name, p.org, paths.product(p.org, p.name)))}
        </Command.Group>
      )}
    </>
  )
}
