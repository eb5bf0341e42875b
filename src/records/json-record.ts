import type { TextPiece } from './decode.ts'
import { isObject, type JsonObject, parseJson } from './json-value.ts'
import { type MalformedCode, rawLimitCharacters } from './record.ts'

interface JsonPlace {
  readonly line: number
  readonly byteOffset: number | null
  readonly raw: string
}

/** One record of a JSON source: an object, or what is wrong with it. */
export type JsonRecord = JsonPlace &
  (
    | { readonly value: JsonObject; readonly code?: undefined }
    | { readonly code: MalformedCode; readonly detail?: string }
  )

/** Takes pieces of text, gives records; `end` after the last piece. The records of a push are to be taken before the next. */
export interface JsonSplitter {
  readonly lines: number
  push(piece: TextPiece): Iterable<JsonRecord>
  end(): Iterable<JsonRecord>
}

/** A record separator (RFC 7464) in front of a line is no part of it. */
export const withoutSeparator = (line: string): string => (line.startsWith('\x1e') ? line.slice(1) : line)

export function judgeJson(place: JsonPlace, maxRecordBytes: number): JsonRecord {
  const { raw } = place
  if (raw.length > maxRecordBytes || (raw.length * 3 > maxRecordBytes && Buffer.byteLength(raw) > maxRecordBytes)) {
    return { ...place, raw: raw.slice(0, rawLimitCharacters).toWellFormed(), code: 'RECORD_TOO_LONG' }
  }
  if (!raw.isWellFormed()) return { ...place, raw: raw.toWellFormed(), code: 'INVALID_ENCODING' }
  try {
    const value = parseJson(raw)
    return isObject(value) ? { ...place, value } : { ...place, code: 'NOT_AN_OBJECT' }
  } catch (error) {
    return { ...place, code: 'INVALID_JSON', detail: (error as Error).message }
  }
}
