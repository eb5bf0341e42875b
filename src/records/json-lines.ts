/** One JSON value per line. Blank lines are no records; a broken line is one malformed record. */
import type { JsonLinesFormat } from '../../contracts/data/feed-contract.ts'
import { byteWidth, type TextPiece } from './decode.ts'
import { type JsonRecord, type JsonSplitter, judgeJson, withoutSeparator } from './json-record.ts'
import { type ReadLimits, rawLimitCharacters } from './record.ts'
import { TextWindow } from './text-window.ts'

export class JsonLines implements JsonSplitter {
  lines = 0
  readonly #window: TextWindow
  readonly #limit: number
  #position = 0
  #cut: { raw: string; byteOffset: number | null } | undefined

  constructor(format: JsonLinesFormat, limits: ReadLimits) {
    this.#window = new TextWindow(byteWidth(format))
    this.#limit = limits.maxRecordBytes
  }

  *push(piece: TextPiece): Generator<JsonRecord> {
    this.#window.push(piece, this.#position)
    this.#position = 0
    const { text } = this.#window
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', this.#position))
      yield* this.#line(text, end)
    if (text.length - this.#position <= this.#limit) return
    this.#cut ??= {
      raw: text.slice(this.#position, this.#position + rawLimitCharacters),
      byteOffset: this.#window.byteOffset(this.#position),
    }
    this.#position = text.length
  }

  *end(): Generator<JsonRecord> {
    const { text } = this.#window
    if (this.#position < text.length || this.#cut !== undefined) yield* this.#line(text, text.length)
  }

  *#line(text: string, end: number): Generator<JsonRecord> {
    const start = this.#position
    const line = ++this.lines
    this.#position = end + 1
    const cut = this.#cut
    this.#cut = undefined
    if (cut !== undefined) yield { ...cut, line, code: 'RECORD_TOO_LONG' }
    else {
      const raw = withoutSeparator(text.slice(start, end)).trimEnd()
      if (raw.trim() !== '') yield judgeJson({ raw, line, byteOffset: this.#window.byteOffset(start) }, this.#limit)
    }
  }
}
