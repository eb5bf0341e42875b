/** Header, records and trailer of delimited text, on top of the cursor. */
import type { DelimitedFormat } from '../../contracts/data/feed-contract.ts'
import { byteWidth, type TextPiece } from './decode.ts'
import { DelimitedCursor } from './delimited.ts'
import type { MalformedCode, ReadLimits, SourceRecord } from './record.ts'
import { TrailerHold } from './trailer-hold.ts'

export class DelimitedReader {
  readonly cursor: DelimitedCursor
  /** The cells of the header, once it was read. */
  header: readonly string[] | undefined
  /** What is wrong with the header itself. */
  headerCode: MalformedCode | undefined
  records = 0
  trailerLines = 0
  readonly #hold: TrailerHold
  readonly #hasHeader: boolean
  readonly #fields: number | undefined
  readonly #limit: number

  /** `fields`: the number every record must have; undefined: as many as the header, or else the first record, has. */
  constructor(format: DelimitedFormat, fields: number | undefined, limits: ReadLimits) {
    this.cursor = new DelimitedCursor(format, limits)
    this.#hold = new TrailerHold(
      format.trailerLines,
      this.cursor.grammar.lineMark,
      byteWidth(format),
      limits.maxRecordBytes,
    )
    this.#hasHeader = format.headerRows === 1
    this.#fields = fields
    this.#limit = limits.maxRecordBytes
    if (!this.#hasHeader) this.cursor.expected = fields
  }

  /** Physical lines of the file, once it has ended. */
  get lines(): number {
    return this.cursor.lines + this.trailerLines
  }

  /** Steps the cursor through the records of one more piece; without a piece, through what is left at the end. */
  *steps(piece?: TextPiece): Generator<DelimitedCursor> {
    const { cursor } = this
    if (piece !== undefined) cursor.push(this.#hold.push(piece))
    else {
      cursor.end()
      this.trailerLines = this.#hold.end()
    }
    while (cursor.next()) {
      if (this.#hasHeader && this.header === undefined) this.#takeHeader()
      else {
        cursor.expected ??= this.#fields ?? cursor.fieldCount
        this.records++
        yield cursor
      }
    }
  }

  *push(piece: TextPiece): Generator<SourceRecord> {
    for (const _ of this.steps(piece)) yield this.#record()
  }

  *end(): Generator<SourceRecord> {
    for (const _ of this.steps()) yield this.#record()
  }

  #takeHeader(): void {
    const { cursor } = this
    this.headerCode = cursor.code
    const cells = cursor.code === undefined || cursor.code === 'TEXT_AFTER_QUOTE' ? cursor.fields() : [cursor.raw()]
    this.header = cells
    let named = cells.length
    while (named > 1 && cells[named - 1]?.trim() === '') named--
    cursor.expected = this.#fields ?? named
  }

  #record(): SourceRecord {
    const { cursor } = this
    const place = { number: this.records, line: cursor.line, byteOffset: cursor.byteOffset(), raw: cursor.raw() }
    if (cursor.code === undefined) return { ...place, kind: 'fields', fields: cursor.fields() }
    return { ...place, kind: 'malformed', code: cursor.code, message: this.#message(cursor.code) }
  }

  #message(code: MalformedCode): string {
    const { fieldCount, expected } = this.cursor
    if (code === 'TOO_FEW_FIELDS' || code === 'TOO_MANY_FIELDS')
      return `${fieldCount} fields where ${expected} are expected`
    if (code === 'TEXT_AFTER_QUOTE') return 'text stands between the closing quote of a field and the next delimiter'
    if (code === 'UNTERMINATED_QUOTE') return 'a quote is opened and not closed in front of a delimiter or line end'
    if (code === 'INVALID_ENCODING') return 'some bytes are no text in the encoding of the format'
    return `the record is longer than ${this.#limit} bytes`
  }
}
