/** Where a device is: what a person has set, else what it reported last. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, data, take } from '../../api/client'
import { queries } from '../../session/session'
import { Button } from '../../ui/button'
import { Card, CopyButton, Facts, Failure, Skeleton } from '../../ui/layout'
import { Time } from '../../ui/time'
import { attempt } from '../../ui/toast'
import { D, EVERY, deviceKey, useDevice, useDeviceAddress, useMayManage } from './device'
import { type Place, SetPosition } from './set-position'

export function Position() {
  const at = useDeviceAddress()
  const { may, note } = useMayManage()
  const deleted = useDevice().data?.deleted ?? false
  const [setting, setSetting] = useState(false)
  const queryKey = deviceKey(at, 'location')
  const place = useQuery({
    queryKey,
    refetchInterval: EVERY * 3,
    queryFn: async ({ signal }) => (await data(api.GET(`${D}/location`, { params: { path: at }, signal }))) as Place | null,
  })
  const p = place.data
  const clear = () =>
    attempt('The position that was set is taken away.', async () => {
      await take(api.DELETE(`${D}/location`, { params: { path: at } }))
      await queries.invalidateQueries({ queryKey })
    })
  const disabled = !may || deleted
  return (
    <Card
      title="Position"
      actions={
        place.data !== undefined && (
          <>
            {p?.manual && (
              <Button small disabled={disabled} title={note} onClick={() => void clear()}>
                Take away
              </Button>
            )}
            <Button small disabled={disabled} title={note} onClick={() => setSetting(true)}>
              {p?.manual ? 'Change…' : 'Set…'}
            </Button>
          </>
        )
      }
    >
      {place.error && <Failure error={place.error} again={() => void place.refetch()} />}
      {place.isPending && <Skeleton lines={2} />}
      {p === null && <p className="muted">It has not told where it is. Devices with the extension Position do; otherwise a person can set it.</p>}
      {p && <Facts rows={factsOf(p)} />}
      <SetPosition place={p ?? null} open={setting} onClose={() => setSetting(false)} />
    </Card>
  )
}

function factsOf(p: Place): [string, React.ReactNode][] {
  const text = `${p.latitude.toFixed(5)}, ${p.longitude.toFixed(5)}`
  return [
    [
      'Latitude, longitude',
      <span key="p" className="row num">
        {text}
        <CopyButton text={text} label="Copy the coordinates" />
      </span>,
    ],
    ...(p.manual ? [] : ([['Accuracy', p.accuracy === null ? <span className="muted">not told</span> : `${p.accuracy} m`]] as [string, React.ReactNode][])),
    ['Source', p.manual ? 'set by a person; reports of the device are not shown' : p.source],
    [p.manual ? 'Set' : 'Reported', <Time key="r" at={p.reported_at} />],
  ]
}
