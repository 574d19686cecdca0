/** Which devices are selected: some by name, or all that match a query but for some. */
export type Selection = { all: boolean; names: ReadonlySet<string> }

export const NOTHING: Selection = { all: false, names: new Set() }
export const EVERYTHING: Selection = { all: true, names: new Set() }

/** Whether a device is selected. With all selected the names are those that are left out. */
export function isSelected({ all, names }: Selection, name: string): boolean {
  return names.has(name) !== all
}

/** The selection with one device more or less. */
export function toggled({ all, names }: Selection, name: string, selected: boolean): Selection {
  const after = new Set(names)
  if (selected === all) after.delete(name)
  else after.add(name)
  return { all, names: after }
}

/** How many devices are selected of so many that match. */
export function countOf({ all, names }: Selection, total: number): number {
  return all ? Math.max(0, total - names.size) : names.size
}

/** The devices as the API takes them. */
export function devicesOf({ all, names }: Selection, query: string): { query: string; except?: string[] } | { identifiers: string[] } {
  if (!all) return { identifiers: [...names] }
  return names.size > 0 ? { query, except: [...names] } : { query }
}
