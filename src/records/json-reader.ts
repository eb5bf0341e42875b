/** Records of a JSON source, one value per column. */
import type { TextPiece } from './decode.ts'
import type { JsonRecord, JsonSplitter } from './json-record.ts'
import { textOf, valueAt } from './json-value.ts'
import type { SourceRecord } from './record.ts'

export class JsonReader {
  readonly #splitter: JsonSplitter
  readonly #paths: readonly (readonly string[])[]
  #records = 0

  constructor(
    splitter: JsonSplitter,
    columns: readonly { readonly sourceName: string; readonly sourcePath?: string[] | undefined }[],
  ) {
    this.#splitter = splitter
    this.#paths = columns.map(column => column.sourcePath ?? [column.sourceName])
  }

  *push(piece: TextPiece): Generator<SourceRecord> {
    for (const record of this.#splitter.push(piece)) yield this.#record(record)
  }

  *end(): Generator<SourceRecord> {
    for (const record of this.#splitter.end()) yield this.#record(record)
  }

  #record(record: JsonRecord): SourceRecord {
    const { line, byteOffset, raw } = record
    const place = { number: ++this.#records, line, byteOffset, raw }
    if (record.code === undefined)
      return { ...place, kind: 'fields', fields: this.#paths.map(path => textOf(valueAt(record.value, path))) }
    return { ...place, kind: 'malformed', code: record.code, message: messageOf(record) }
  }
}

function messageOf(record: Extract<JsonRecord, { code: string }>): string {
  if (record.code === 'INVALID_JSON') return `not valid JSON: ${(record.detail ?? '').replaceAll(/\s+/g, ' ')}`
  if (record.code === 'NOT_AN_OBJECT') return 'a JSON value that is no object has no columns'
  if (record.code === 'INVALID_ENCODING') return 'some bytes are no text in the encoding of the format'
  return 'the record is longer than the limit'
}
