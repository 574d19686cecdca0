/** The lines that give a token to programs. */
import { shellWord } from '../../ui/shell-word'

type Of = {
  server: string
  token: string
  /** The product that the token is limited to, as `org/product`. */
  product?: string | null | undefined
  /** The organization of a person who has only one. */
  org?: string | undefined
}

/**
 * The variables that a command line reads: address and token, and organization and product where there is one only. A token never
 * stands among the arguments of a command, which everybody on the machine can see while it runs.
 */
export function environment(address: string, prefix: string, { server, token, product, org: only }: Of): string {
  const cut = product?.indexOf('/') ?? -1
  const org = product && cut >= 0 ? product.slice(0, cut) : only
  const lines = [`export ${address}=${shellWord(server)}`, `export ${prefix}_TOKEN=${shellWord(token)}`]
  if (org) lines.push(`export ${prefix}_ORG=${shellWord(org)}`)
  if (product && cut >= 0) lines.push(`export ${prefix}_PRODUCT=${shellWord(product.slice(cut + 1))}`)
  return lines.join('\n')
}
