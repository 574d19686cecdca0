/** Downloads a stored file by a link that expires; that takes the role `manage`. */
import { Download } from 'lucide-react'
import { useProduct } from '../../product'
import { atLeast, useRole } from '../../session/session'
import { Button, buttonClass } from '../../ui/button'
import { downloadAddress } from './queries'

type Props = { kind: 'firmwares' | 'archives'; uuid: string; name: string; small?: boolean }

export function DownloadLink({ kind, uuid, name, small }: Props) {
  const { org, product } = useProduct()
  const inside = (
    <>
      <Download size={15} aria-hidden /> Download
    </>
  )
  if (!atLeast(useRole(org), 'manage')) {
    return (
      <Button small={small} disabled aria-label={`Download ${name}`}>
        {inside}
      </Button>
    )
  }
  const href = downloadAddress(org, product, kind, uuid)
  return (
    <a className={buttonClass} data-size={small ? 'small' : undefined} href={href} download aria-label={`Download ${name}`}>
      {inside}
    </a>
  )
}
