/**
 * Whether a message schema may replace the released one under the same version number. A rolling upgrade has old writers with new
 * readers and new writers with old readers at once, so both directions must hold: exactly the same messages are accepted.
 * Objects are strict, so even an added optional property is refused by the old reader. Only annotations and order are free.
 */
import type { JsonSchema } from './asyncapi.ts'

const annotations = new Set(['$schema', '$id', 'title', 'description', 'default', 'examples', 'deprecated'])
/** Keywords whose value is a set: order says nothing. */
const sets = new Set(['required', 'enum', 'anyOf', 'oneOf', 'allOf', 'type'])
/** Keywords whose members are named by the author: a property may be called `title`. */
const named = new Set(['properties', 'patternProperties', '$defs', 'definitions'])

/** Sentences, one per difference that some reader or writer of the same version would trip over; none: compatible. */
export function incompatibilities(name: string, released: JsonSchema, current: JsonSchema): string[] {
  return differences('', plain(released), plain(current)).map(
    difference => `${name}: ${difference}. The version is released: give the topic a new version number instead.`,
  )
}

function differences(path: string, before: unknown, after: unknown): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return []
  if (!isRecord(before) || !isRecord(after))
    return [`${path || 'the schema'} was ${said(before)} and is now ${said(after)}`]
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  return names.flatMap(key => differences(path === '' ? key : `${path}.${key}`, before[key], after[key]))
}

const said = (value: unknown): string => (value === undefined ? 'absent' : JSON.stringify(value))

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The schema without annotations, names and sets in one order. */
function plain(schema: unknown): unknown {
  if (!isRecord(schema)) return Array.isArray(schema) ? schema.map(plain) : schema
  const kept = Object.entries(schema).filter(([key]) => !annotations.has(key))
  return ordered(kept.map(([key, value]) => [key, member(key, value)]))
}

function member(key: string, value: unknown): unknown {
  if (named.has(key) && isRecord(value)) return ordered(Object.entries(value).map(([name, of]) => [name, plain(of)]))
  if (key === 'const') return value
  if (sets.has(key) && Array.isArray(value)) {
    const values = key === 'enum' ? value : value.map(plain)
    return values.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  return plain(value)
}

const ordered = (entries: [string, unknown][]): Record<string, unknown> =>
  Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
