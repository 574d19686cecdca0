/** The first step of a release: its firmware, archive and description. */
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Firmware } from '../../api/types'
import { paths } from '../../paths'
import { SelectField, TextArea, TextField } from '../../ui/form'
import { Command, Empty, Failure, Skeleton } from '../../ui/layout'
import { Pager } from '../../ui/table'
import { productFlags } from '../../ui/shell-word'
import { useArchives, useFirmwares } from '../firmware/queries'
import { useGroupAddress } from './group-api'
import { paged } from '../../address/paged'
import { PlaceCard, type PlaceProps } from './release-place'
import css from './group.module.css'

export function FirmwarePlace({ draft, change, group }: PlaceProps) {
  const { org, product } = useGroupAddress()
  const firmwares = useFirmwares(org, product)
  const archives = useArchives(org, product)
  const [find, setFind] = useState('')
  const [page, setPage] = useState(1)
  const target = group.current_release?.firmware
  const fits = (firmwares.data ?? []).filter((f) => !target || (f.platform === target.platform && f.architecture === target.architecture))
  const found = fits.filter((f) => (f.version + ' ' + f.uuid).includes(find.trim()))
  const shown = paged(found, page, 10)
  const usable = (archives.data ?? []).filter((a) => [target?.platform, 'generic'].includes(a.platform))
  return (
    <PlaceCard title="1 Firmware">
      {firmwares.error && <Failure error={firmwares.error} again={() => void firmwares.refetch()} />}
      {firmwares.isPending && <Skeleton />}
      {firmwares.data && fits.length === 0 && <NoFirmware platform={target?.platform} />}
      {fits.length > 10 && (
        <TextField
          label="Find a version"
          type="search"
          value={find}
          onChange={(e) => {
            setFind(e.target.value)
            setPage(1)
          }}
        />
      )}
      {fits.length > 0 && (
        <fieldset className={css.choices}>
          <legend>
            What devices get: firmware for {target?.platform} ({target?.architecture}), highest version first
          </legend>
          {shown.rows.map((f) => (
            <Choice
              key={f.uuid}
              firmware={f}
              current={f.uuid === group.firmware_uuid}
              checked={f.uuid === draft.firmware}
              onChoose={() => change({ firmware: f.uuid })}
            />
          ))}
          {found.length === 0 && <p className="muted">No version matches.</p>}
        </fieldset>
      )}
      <Pager at={shown.pagination} onPage={setPage} />
      <div className={css.fields}>
        <SelectField
          label="Archive"
          hint="For the application of the device; a release without one leaves its devices without an archive."
          value={draft.archive}
          onChange={(archive) => change({ archive })}
          options={[
            { value: '', label: 'none' },
            ...usable.map((a) => ({ value: a.uuid, label: `${a.version} for ${a.platform}${a.description ? `, ${a.description}` : ''}` })),
          ]}
        />
        <TextField
          label="Description"
          hint="At most 100 characters."
          maxLength={100}
          value={draft.description}
          onChange={(e) => change({ description: e.target.value })}
        />
      </div>
      <TextArea
        label="Notes"
        hint="What is new in it, at most 1,000 characters."
        maxLength={1000}
        value={draft.notes}
        onChange={(e) => change({ notes: e.target.value })}
      />
    </PlaceCard>
  )
}

type ChoiceProps = { firmware: Firmware; current: boolean; checked: boolean; onChoose: () => void }

function Choice({ firmware: f, current, checked, onChoose }: ChoiceProps) {
  return (
    <label className={css.choice}>
      <input type="radio" name="firmware" checked={checked} onChange={onChoose} />
      <span className="row">
        <strong className="mono">{f.version}</strong>
        <span className="small muted mono">{f.uuid.slice(0, 8)}</span>
        {f.author && <span className="small muted">by {f.author}</span>}
        {current && <span className="small muted">the current release brings it</span>}
      </span>
    </label>
  )
}

function NoFirmware({ platform }: { platform: string | undefined }) {
  const { org, product } = useGroupAddress()
  return (
    <Empty title={`There is no firmware for ${platform ?? 'this group'}`}>
      <p>A release brings a firmware of the product that was built for the platform and architecture of the group.</p>
      <Command text={`nervecenter firmware publish my.fw ${productFlags(org, product)}`} />
      <Link {...paths.product(org, product, 'firmware')}>Firmware of the product</Link>
    </Empty>
  )
}
