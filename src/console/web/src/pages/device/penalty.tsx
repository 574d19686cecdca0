/** Lets a device out of the penalty box, after saying what that does. */
import { api, take } from '../../api/client'
import { Confirm } from '../../ui/dialog'
import { Time } from '../../ui/time'
import { toast } from '../../ui/toast'
import { D, refreshDevice, useDeviceAddress } from './device'

export function PenaltyQuestion({ until, open, onClose }: { until: string | null; open: boolean; onClose: () => void }) {
  const at = useDeviceAddress()
  const letOut = async () => {
    await take(api.DELETE(`${D}/penalty`, { params: { path: at } }))
    toast(`${at.device} may be updated again.`)
    await refreshDevice(at)
  }
  return (
    <Confirm open={open} onClose={onClose} title={`Let ${at.device} out of the penalty box?`} act="Let it out" onConfirm={letOut}>
      <p>
        It failed too often and would rest until <Time at={until} />. Its attempts are forgotten, and it is offered the release of its group again.
      </p>
    </Confirm>
  )
}
