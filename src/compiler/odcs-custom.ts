/** `customProperties` of ODCS: named values as texts. A plain word stands as it is, anything else as JSON. */

export interface CustomProperty {
  property: string
  value: string
}

/** Properties that are plain words, so that their texts are never taken for JSON. */
const plain: ReadonlySet<string> = new Set(['vendor', 'deliveryMode', 'semantic', 'expression', 'owner'])

/** Every value that is there, in the order given. */
export function customProperties(values: Readonly<Record<string, unknown>>): CustomProperty[] {
  return Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([property, value]) => ({ property, value: plain.has(property) ? String(value) : JSON.stringify(value) }))
}

/** The values by name. A value that a person wrote as YAML rather than as a text is taken as it stands. */
export function readCustomProperties(list: unknown): Record<string, unknown> {
  const found: Record<string, unknown> = {}
  for (const { property, value } of (Array.isArray(list) ? list : []) as { property: string; value: unknown }[]) {
    found[property] = typeof value === 'string' && !plain.has(property) ? fromJson(value) : value
  }
  return found
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
