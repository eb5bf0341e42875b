/** JSON records whose numbers stay as they are written: `1.50` is not `1.5`, and an id of twenty digits keeps them all. */

/** A number as its source text; `JSON.stringify` writes it back unchanged. */
interface RawNumber {
  readonly rawJSON: string
}

interface JsonWithSource {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  rawJSON(text: string): RawNumber
  isRawJSON(value: unknown): value is RawNumber
}
const json = JSON as unknown as JsonWithSource

/** Numbers that JavaScript writes in another way than they were read. A hit inside of a string only costs time. */
const numberOfItsOwn = /[:[,]\s*-?(?:\d+\.\d*0(?!\d)|\d[\d.]*[eE]|[\d.]{16,}|0\.00000)|-0\s*[,}\]]/

export type JsonObject = Readonly<Record<string, unknown>>

/** @throws SyntaxError */
export function parseJson(text: string): unknown {
  if (!numberOfItsOwn.test(text)) return JSON.parse(text)
  return json.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? json.rawJSON(source) : value,
  )
}

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !json.isRawJSON(value)

/** A value as text: strings and numbers as they stand, objects and arrays as compact JSON, null where there is none. */
export function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return null
  if (json.isRawJSON(value)) return value.rawJSON
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

export const isNumber = (value: unknown): boolean => typeof value === 'number' || json.isRawJSON(value)

/** The value at a path of keys, undefined where the path ends early. */
export function valueAt(record: JsonObject, path: readonly string[]): unknown {
  let value: unknown = record
  for (const key of path) {
    if (!isObject(value) || !Object.hasOwn(value, key)) return undefined
    value = value[key]
  }
  return value
}
