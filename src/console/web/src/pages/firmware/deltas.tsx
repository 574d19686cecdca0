/** Deltas to one firmware: from which versions, how large, and what they save. */
import { useProduct } from '../../product'
import { Table } from '../../ui/table'
import { deltaColumns } from '../group/delta-columns'
import type { Delta } from '../group/group-api'

/** Groups that use the same firmware share its deltas, so each is shown once. */
export function DeltaTable({ deltas }: { deltas: readonly Delta[] }) {
  const { org, product } = useProduct()
  const each = new Map(deltas.map((d) => [d.from_uuid, d]))
  return (
    <Table
      label="Deltas"
      rows={[...each.values()]}
      rowKey={(d) => d.from_uuid}
      none="None. A delta is made when a device that runs another version of the same platform waits for this one."
      columns={deltaColumns(org, product)}
    />
  )
}
