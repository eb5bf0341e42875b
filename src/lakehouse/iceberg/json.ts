/**
 * Table metadata as JSON. Snapshot ids are 64-bit and random, so a plain `JSON.parse` would silently change them:
 * numbers under a key that ends in `snapshot-id` become bigint, and any other integer that a double cannot hold is
 * carried through untouched.
 */

/** What Node 24 has and TypeScript's library does not know yet: proposal "JSON.parse source text access". */
interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): unknown
  isRawJSON(value: unknown): boolean
}
const json = JSON as unknown as JsonWithSource

export function parseMetadataJson(text: string): unknown {
  return json.parse(text, (key, value, { source }) => {
    if (typeof value !== 'number' || source === undefined) return value
    if (key.endsWith('snapshot-id')) return BigInt(source)
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? json.rawJSON(source) : value
  })
}

export function formatMetadataJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? json.rawJSON(String(item)) : item))
}

/** The value as any `JSON.stringify` writes it right, also one that somebody else calls. */
export function plainJson(value: unknown): unknown {
  if (typeof value === 'bigint') return json.rawJSON(String(value))
  if (Array.isArray(value)) return value.map(plainJson)
  if (typeof value !== 'object' || value === null || json.isRawJSON(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainJson(item)]))
}
