/** Why a record cannot be read as its format says. */
export const malformedCodes = [
  'TOO_FEW_FIELDS',
  'TOO_MANY_FIELDS',
  'UNTERMINATED_QUOTE',
  'TEXT_AFTER_QUOTE',
  'INVALID_ENCODING',
  'RECORD_TOO_LONG',
  'INVALID_JSON',
  'NOT_AN_OBJECT',
] as const
export type MalformedCode = (typeof malformedCodes)[number]

interface Place {
  /** 1 for the first record; header, preamble, trailer and blank lines are no records. */
  readonly number: number
  /** The physical line it starts on, 1 for the first of the file. */
  readonly line: number
  /** Where it starts in the source, BOM included; null where that cannot be known (gzip, multi-byte encodings other than UTF-8). */
  readonly byteOffset: number | null
  /** Its text as it stands in the source, without the line end. A record that is too long is cut. */
  readonly raw: string
}

/** A record whose fields stand in the order of the columns; null: the source has nothing there. An empty text is kept as such. */
export interface WellFormed extends Place {
  readonly kind: 'fields'
  readonly fields: readonly (string | null)[]
}

export interface Malformed extends Place {
  readonly kind: 'malformed'
  readonly code: MalformedCode
  readonly message: string
}

export type SourceRecord = WellFormed | Malformed
export type RecordBatch = readonly SourceRecord[]

/** What is kept of a record that is too long to be held. */
export const rawLimitCharacters = 64 * 1024

/** Limits of reading; they come from the discovery policy. */
export interface ReadLimits {
  readonly maxRecordBytes: number
}
