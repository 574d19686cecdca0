/** A name as a word of a shell command: in quotes where the shell would read it as something else. */
export function shellWord(name: string): string {
  return /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`
}

/** The flags that name a product on the command line. */
export function productFlags(org: string, product: string): string {
  return `--org ${shellWord(org)} --product ${shellWord(product)}`
}
