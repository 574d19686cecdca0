/** Where a device said last that it is. */
import { useQuery } from '@tanstack/react-query'
import { api, data } from '../../api/client'
import { Card, CopyButton, Facts, Failure, Skeleton } from '../../ui/layout'
import { Time } from '../../ui/time'
import { D, EVERY, deviceKey, useDeviceAddress } from './device'

type Place = { latitude: number | null; longitude: number | null; accuracy: number | null; source: string | null; reported_at: string }

export function Position() {
  const at = useDeviceAddress()
  const place = useQuery({
    queryKey: deviceKey(at, 'location'),
    refetchInterval: EVERY * 3,
    queryFn: async ({ signal }) => (await data(api.GET(`${D}/location`, { params: { path: at }, signal }))) as Place | null,
  })
  const p = place.data
  const text = p && p.latitude !== null && p.longitude !== null ? `${p.latitude.toFixed(5)}, ${p.longitude.toFixed(5)}` : null
  return (
    <Card title="Position">
      {place.error && <Failure error={place.error} again={() => void place.refetch()} />}
      {place.isPending && <Skeleton lines={2} />}
      {p === null && <p className="muted">It has not told where it is. Devices with the extension Position do.</p>}
      {p && (
        <Facts
          rows={[
            [
              'Latitude, longitude',
              text && (
                <span key="p" className="row num">
                  {text}
                  <CopyButton text={text} label="Copy the coordinates" />
                </span>
              ),
            ],
            ['Accuracy', p.accuracy === null ? <span className="muted">not told</span> : `${p.accuracy} m`],
            ['Source', p.source],
            ['Reported', <Time key="r" at={p.reported_at} />],
          ]}
        />
      )}
    </Card>
  )
}
