/** Which organization, product and thing the address names. */
import { useParams } from '@tanstack/react-router'

type Params = { org?: string; product?: string; device?: string; group?: string; uuid?: string; job?: string }

/** The parts of the address that are there. */
export function useAddress(): Params {
  return useParams({ strict: false }) as Params
}

/** The organization and product of a page below both. */
export function useProduct(): { org: string; product: string } {
  const { org = '', product = '' } = useAddress()
  return { org, product }
}
