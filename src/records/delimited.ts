/**
 * The one truth of how delimited text falls into records. A cursor over text that arrives in pieces: `push` a piece, take records with `next`
 * until it says false, after the last piece `end` and take the rest. What it shows of a record is valid until the next call.
 *
 * 1. Every character belongs to the preamble, a blank line, or exactly one record; a header is a record to the cursor. Nothing is dropped.
 * 2. Fields beyond the expected number that are all empty say nothing, and are no error (a delimiter at the end of each row).
 * 3. A quoted field that never closes, or closes lines later in front of more text, swallows nothing: its record ends with the line it began
 *    on, as UNTERMINATED_QUOTE, and reading goes on with the next line.
 * 4. No more than a record of `maxRecordBytes` and one piece is held. A longer record is cut, and reading goes on at the next line end.
 */
import type { DelimitedFormat } from '../../contracts/data/feed-contract.ts'
import { byteWidth, type TextPiece } from './decode.ts'
import { nowhere, RecordGrammar } from './delimited-grammar.ts'
import { type MalformedCode, type ReadLimits, rawLimitCharacters } from './record.ts'
import { TextWindow } from './text-window.ts'

export class DelimitedCursor {
  readonly grammar: RecordGrammar
  /** Fields every record must have; undefined: any number. */
  expected: number | undefined
  /** Of the record at hand: the physical line it starts on, its number of fields, and what is wrong with it. */
  line = 0
  fieldCount = 0
  code: MalformedCode | undefined
  /** Physical lines consumed so far: after `next`, the last one is the last of the record. */
  lines = 0
  blankLines = 0
  surplusEmptyFields = 0
  longestRecord = 0

  readonly #window: TextWindow
  readonly #limit: number
  #linesToSkip: number
  #position = 0
  #start = 0
  #end = 0
  #last = false
  #cut: string | undefined
  #skipsLongLine = false
  #insideSkippedLine = false
  #nextNul = nowhere

  constructor(format: DelimitedFormat, limits: ReadLimits) {
    this.grammar = new RecordGrammar(format)
    this.#window = new TextWindow(byteWidth(format))
    this.#limit = limits.maxRecordBytes
    this.#linesToSkip = format.preambleLines
  }

  push(piece: TextPiece): void {
    this.#window.push(piece, this.#position)
    this.#position = 0
    this.#nextNul = this.#window.text.indexOf('\0')
    this.grammar.load(this.#window.text)
  }

  end(): void {
    this.#last = true
  }

  /** Steps to the next record; false: there is none in what was pushed so far. */
  next(): boolean {
    for (; this.#linesToSkip > 0; this.#linesToSkip--) if (!this.#skipLine()) return false
    for (;;) {
      if (this.#skipsLongLine && !this.#skipLine()) return false
      this.#skipsLongLine = false
      const { text } = this.#window
      const start = this.#position
      if (start >= text.length) return false
      const end = this.grammar.parse(start, this.#last)
      if (end !== nowhere) {
        if (!this.#isBlank(text, start)) {
          this.#take(text, start, end)
          return true
        }
        this.blankLines++
        this.lines++
        this.#position = end
      } else {
        const tooLong = text.length - start > this.#limit
        if (!tooLong && !this.#last) return false
        this.#recover(text, start)
        return true
      }
    }
  }

  /** Where the record at hand starts in the file; asked before the next piece is pushed. */
  byteOffset(): number | null {
    return this.#window.byteOffset(this.#start)
  }

  /** The record at hand as it stands, without its line end; bytes that were no characters are U+FFFD. */
  raw(): string {
    const raw = this.#cut ?? this.#window.text.slice(this.#start, this.#end)
    return this.#window.broken ? raw.toWellFormed() : raw
  }

  /** The values of a record that is not malformed. */
  fields(): string[] {
    const fields = this.grammar.fields()
    if (fields.length > this.fieldCount) fields.length = this.fieldCount
    return fields
  }

  #take(text: string, start: number, end: number): void {
    this.#start = start
    this.#end = this.grammar.contentEnd
    this.#position = end
    this.#cut = undefined
    this.line = this.lines + 1
    this.lines += this.#countLineMarks(text, start, this.#end) + 1
    this.fieldCount = this.grammar.fieldCount
    this.longestRecord = Math.max(this.longestRecord, end - start)
    this.code = this.#judge(text, start)
    if (this.code === 'RECORD_TOO_LONG') this.#cut = text.slice(start, start + rawLimitCharacters)
  }

  #judge(text: string, start: number): MalformedCode | undefined {
    const end = this.#end
    const length = end - start
    if (length > this.#limit) return 'RECORD_TOO_LONG'
    if (length * 3 > this.#limit && Buffer.byteLength(text.slice(start, end)) > this.#limit) return 'RECORD_TOO_LONG'
    if (this.#window.broken && !text.slice(start, end).isWellFormed()) return 'INVALID_ENCODING'
    if (this.#nextNul !== nowhere) {
      if (this.#nextNul < start) this.#nextNul = text.indexOf('\0', start)
      if (this.#nextNul !== nowhere && this.#nextNul < end) return 'INVALID_ENCODING'
    }
    if (this.grammar.error !== undefined || this.expected === undefined) return this.grammar.error
    if (this.fieldCount < this.expected) return 'TOO_FEW_FIELDS'
    return this.fieldCount > this.expected ? this.#judgeSurplus(this.expected) : undefined
  }

  #judgeSurplus(expected: number): MalformedCode | undefined {
    const { starts, ends } = this.grammar
    for (let i = expected; i < this.fieldCount; i++) if (starts[i] !== ends[i]) return 'TOO_MANY_FIELDS'
    this.fieldCount = expected
    this.surplusEmptyFields++
    return undefined
  }

  /** A record without an end within the limits: what stands behind its first line is saved, or else what stands behind its last. */
  #recover(text: string, start: number): void {
    const quote = this.grammar.openQuote
    const lineEnd = quote === nowhere ? nowhere : this.grammar.lineEndAfter(quote)
    if (quote !== nowhere && (lineEnd !== nowhere || this.#last)) {
      this.#take(text, start, this.grammar.endAtLine(lineEnd === nowhere ? text.length : lineEnd))
      return
    }
    this.grammar.contentEnd = text.length
    this.#take(text, start, text.length)
    this.lines--
    this.#skipsLongLine = true
    this.#insideSkippedLine = true
  }

  /** Steps over one physical line; false: its end is not there yet. */
  #skipLine(): boolean {
    const { text } = this.#window
    const end = this.grammar.lineEndAfter(this.#position)
    const known = end !== nowhere && (this.grammar.lineMark === '\n' || end < text.length || this.#last)
    if (!known && !this.#last) {
      this.#insideSkippedLine ||= this.#position < text.length
      // A carriage return at the end stays: its line feed may come with the next piece.
      this.#position = end === nowhere ? text.length : text.length - 1
      return false
    }
    const some = known || this.#insideSkippedLine || this.#position < text.length
    this.#insideSkippedLine = false
    this.#position = known ? end : text.length
    if (some) this.lines++
    return some
  }

  #countLineMarks(text: string, start: number, end: number): number {
    const { lineMark } = this.grammar
    let count = 0
    for (let at = text.indexOf(lineMark, start); at !== nowhere && at < end; at = text.indexOf(lineMark, at + 1))
      count++
    return count
  }

  /** Nothing but spaces, tabs or the end-of-file mark of old systems. A tab that delimits makes fields, so it never comes here. */
  #isBlank(text: string, start: number): boolean {
    if (this.grammar.fieldCount !== 1 || this.grammar.error !== undefined) return false
    for (let i = start; i < this.grammar.contentEnd; i++) {
      const c = text.charCodeAt(i)
      if (c !== 32 && c !== 9 && c !== 0x1a && c !== 0xa0) return false
    }
    return true
  }
}
