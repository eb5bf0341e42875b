/**
 * Where one record of delimited text ends, and where its fields are.
 *
 *   record = field (delimiter field)* (line end | end of text)
 *   field  = plain | spaces quote (text | escaped)* quote spaces
 *   line end = LF | CR LF, and in a format of `cr`: CR | CR LF
 *
 * A quote opens a field only at its start, spaces aside; elsewhere (`48"`) it is text. An escape that is not the quote makes the next quote,
 * delimiter, line end or escape literal, inside of quotes and outside; a doubled quote inside of quotes is a quote.
 * Without an escape a quote closes its field only in front of a delimiter or line end, and such a field ends on its line: `"48" wide"` is one.
 * What a call finds stands in the public fields until the next call.
 */
import type { DelimitedFormat } from '../../contracts/data/feed-contract.ts'
import { Finder } from './finder.ts'

const carriageReturn = 13
const lineFeed = 10
const space = 32

/** No such place: the text ends first. */
export const nowhere = -1

/** What was seen that a simpler reader might take in another way. */
export interface Irregularities {
  quoteInPlainField: boolean
  spaceAroundQuotes: boolean
  strayCarriageReturn: boolean
  otherEscape: boolean
}

export class RecordGrammar {
  fieldCount = 0
  /** The end of the record without its line end. */
  contentEnd = 0
  error: 'TEXT_AFTER_QUOTE' | 'UNTERMINATED_QUOTE' | undefined
  /** The quote that was still open where the text ended. */
  openQuote = nowhere
  lineFeedEnds = 0
  carriageReturnLineFeedEnds = 0
  readonly irregular: Irregularities = {
    quoteInPlainField: false,
    spaceAroundQuotes: false,
    strayCarriageReturn: false,
    otherEscape: false,
  }
  readonly starts: number[] = []
  readonly ends: number[] = []
  readonly lineMark: string

  readonly #escaped: boolean[] = []
  readonly #delimiterText: string
  readonly #quoteText: string
  readonly #quote: number
  readonly #escapeText: string
  readonly #escape: number
  readonly #doubled: boolean
  readonly #delimiters: Finder
  readonly #lineEnds: Finder
  readonly #quotes: Finder
  readonly #escapes: Finder
  readonly #returns: Finder
  #text = ''

  constructor(format: Pick<DelimitedFormat, 'delimiter' | 'quote' | 'escape' | 'lineTerminator'>) {
    this.#delimiterText = format.delimiter
    this.#quoteText = format.quote ?? ''
    this.#quote = format.quote === null ? nowhere : format.quote.charCodeAt(0)
    this.#escapeText = format.escape !== null && format.escape !== format.quote ? format.escape : ''
    this.#escape = this.#escapeText === '' ? nowhere : this.#escapeText.charCodeAt(0)
    this.#doubled = format.escape !== null
    this.lineMark = format.lineTerminator === 'cr' ? '\r' : '\n'
    this.#delimiters = new Finder(this.#delimiterText)
    this.#lineEnds = new Finder(this.lineMark)
    this.#quotes = new Finder(this.#quoteText)
    this.#escapes = new Finder(this.#escapeText)
    this.#returns = new Finder(this.lineMark === '\n' ? '\r' : '')
  }

  /** The text that is parsed from now on. */
  load(text: string): void {
    this.#text = text
    for (const finder of [this.#delimiters, this.#lineEnds, this.#quotes, this.#escapes, this.#returns])
      finder.load(text)
  }

  /** The index after the record that starts at `start`, or nowhere: the text ends inside of it. `last`: no more text will come. */
  parse(start: number, last: boolean): number {
    const text = this.#text
    const { length } = text
    this.openQuote = nowhere
    this.error = undefined
    this.fieldCount = 0
    const firstLineEnd = this.#lineEnds.from(start)
    if (firstLineEnd < length && this.#isPlain(start, firstLineEnd)) return this.#plainLine(start, firstLineEnd, last)
    for (let fieldStart = start; ; ) {
      let from = fieldStart
      let close = nowhere
      const open = this.#quote === nowhere ? nowhere : this.#skipSpaces(fieldStart)
      if (open !== nowhere && text.charCodeAt(open) === this.#quote) {
        close = this.#close(open, last)
        from = close === nowhere ? length : this.#skipSpaces(close + 1)
        // Two characters further on decide whether the field ends here: a delimiter or a line end may have two.
        if (close === nowhere || (from + 1 >= length && !last)) {
          this.openQuote = open
          return this.#again()
        }
        if (open !== fieldStart || from !== close + 1) this.irregular.spaceAroundQuotes = true
        if (this.#endsField(from) && !this.#runsOn(open, close))
          this.#mark(open + 1, close, this.#isEscaped(open + 1, close))
        else {
          const firstLine = this.lineEndAfter(open)
          if (firstLine !== nowhere && firstLine <= close) return this.endAtLine(firstLine)
          this.error = 'TEXT_AFTER_QUOTE'
          close = nowhere
        }
      }
      const lineEnd = this.#lineEnds.from(from)
      const delimiter = this.#delimiters.from(from)
      let end = Math.min(lineEnd, delimiter, length)
      const escapeAt = this.#escapes.from(from)
      if (escapeAt < end) end = this.#escapedEnd(escapeAt)
      if (end >= length && !last) return this.#again()
      const ended = end >= length || (escapeAt < end ? text.startsWith(this.lineMark, end) : end === lineEnd)
      let contentEnd = end
      if (ended && this.lineMark === '\n' && end > fieldStart && text.charCodeAt(end - 1) === carriageReturn)
        contentEnd--
      if (this.#returns.from(from) < contentEnd) this.irregular.strayCarriageReturn = true
      if (close === nowhere) {
        if (this.#quotes.from(fieldStart) < end) this.irregular.quoteInPlainField = true
        this.#mark(fieldStart, contentEnd, escapeAt < end)
      }
      if (!ended) {
        fieldStart = end + this.#delimiterText.length
        continue
      }
      this.contentEnd = contentEnd
      return end >= length ? length : this.#afterLineEnd(end, contentEnd, last)
    }
  }

  /** No quote, escape or stray carriage return up to the line end: the line is the record. */
  #isPlain(start: number, lineEnd: number): boolean {
    return (
      this.#quotes.from(start) > lineEnd &&
      this.#escapes.from(start) > lineEnd &&
      this.#returns.from(start) >= lineEnd - 1
    )
  }

  #plainLine(start: number, lineEnd: number, last: boolean): number {
    const { starts, ends } = this
    const ofDelimiter = this.#delimiterText.length
    const carried = this.lineMark === '\n' && lineEnd > start && this.#text.charCodeAt(lineEnd - 1) === carriageReturn
    const contentEnd = carried ? lineEnd - 1 : lineEnd
    let fieldStart = start
    let count = 0
    for (let at = this.#delimiters.from(start); at < contentEnd; at = this.#delimiters.from(fieldStart)) {
      starts[count] = fieldStart
      ends[count] = at
      this.#escaped[count++] = false
      fieldStart = at + ofDelimiter
    }
    starts[count] = fieldStart
    ends[count] = contentEnd
    this.#escaped[count++] = false
    this.fieldCount = count
    this.contentEnd = contentEnd
    return this.#afterLineEnd(lineEnd, contentEnd, last)
  }

  /** The values of the record last parsed, unquoted and unescaped. */
  fields(): string[] {
    const text = this.#text
    const fields = new Array<string>(this.fieldCount)
    for (let i = 0; i < this.fieldCount; i++) {
      const value = text.slice(this.starts[i], this.ends[i])
      fields[i] = this.#escaped[i] === true ? this.#unescape(value) : value
    }
    return fields
  }

  /** The index after the next line end, or nowhere. */
  lineEndAfter(from: number): number {
    const text = this.#text
    const at = text.indexOf(this.lineMark, from)
    if (at === nowhere) return nowhere
    return this.lineMark === '\r' && text.charCodeAt(at + 1) === lineFeed ? at + 2 : at + 1
  }

  /** Lets the record end with a line, its quote never closed. */
  endAtLine(lineEnd: number): number {
    const text = this.#text
    let end = lineEnd
    while (end > 0 && (text.charCodeAt(end - 1) === lineFeed || text.charCodeAt(end - 1) === carriageReturn)) end--
    this.contentEnd = end
    this.error = 'UNTERMINATED_QUOTE'
    this.load(text)
    return lineEnd
  }

  #mark(start: number, end: number, escaped: boolean): void {
    this.starts[this.fieldCount] = start
    this.ends[this.fieldCount] = end
    this.#escaped[this.fieldCount++] = escaped
  }

  /** The record is parsed once more, when there is more text or none will come. */
  #again(): number {
    this.load(this.#text)
    return nowhere
  }

  #afterLineEnd(at: number, contentEnd: number, last: boolean): number {
    if (this.lineMark === '\n') {
      if (contentEnd === at) this.lineFeedEnds++
      else this.carriageReturnLineFeedEnds++
      return at + 1
    }
    if (at + 1 >= this.#text.length && !last) return this.#again()
    return this.#text.charCodeAt(at + 1) === lineFeed ? at + 2 : at + 1
  }

  #skipSpaces(from: number): number {
    let at = from
    if (this.#delimiterText !== ' ') while (this.#text.charCodeAt(at) === space) at++
    return at
  }

  /** The index of the quote that closes the field opened at `open`, or nowhere. */
  #close(open: number, last: boolean): number {
    const text = this.#text
    for (let from = open + 1; ; ) {
      const at = this.#quotes.from(from)
      if (at === Number.POSITIVE_INFINITY || (at + 1 >= text.length && !last)) return nowhere
      if (!this.#doubled && !this.#endsField(this.#skipSpaces(at + 1))) from = at + 1
      else if (this.#escape !== nowhere && this.#isOdd(at, open)) from = at + 1
      else if (this.#doubled && text.charCodeAt(at + 1) === this.#quote) from = at + 2
      else return at
    }
  }

  /** Without an escape, a field over lines with a quote inside rather was never closed. */
  #runsOn(open: number, close: number): boolean {
    if (this.#doubled) return false
    const value = this.#text.slice(open + 1, close)
    return (
      value.includes(this.lineMark) && value.replaceAll(this.#quoteText + this.#quoteText, '').includes(this.#quoteText)
    )
  }

  /** Whether an odd number of escapes stands in front of `at`. */
  #isOdd(at: number, open: number): boolean {
    let before = at - 1
    while (before > open && this.#text.charCodeAt(before) === this.#escape) before--
    return (at - 1 - before) % 2 === 1
  }

  #isEscaped(start: number, end: number): boolean {
    if (this.#escape !== nowhere && this.#escapes.from(start) < end) this.irregular.otherEscape = true
    const value = this.#text.slice(start, end)
    return value.includes(this.#quoteText) || (this.#escape !== nowhere && value.includes(this.#escapeText))
  }

  /** The end of a plain field whose first escape stands at `at`. */
  #escapedEnd(at: number): number {
    const text = this.#text
    this.irregular.otherEscape = true
    let i = at + 2
    while (i < text.length && !text.startsWith(this.lineMark, i) && !text.startsWith(this.#delimiterText, i)) {
      i += text.charCodeAt(i) === this.#escape ? 2 : 1
    }
    return Math.min(i, text.length)
  }

  #endsField(at: number): boolean {
    const text = this.#text
    if (at >= text.length || text.startsWith(this.#delimiterText, at) || text.startsWith(this.lineMark, at)) return true
    return text.charCodeAt(at) === carriageReturn && (at + 1 >= text.length || text.charCodeAt(at + 1) === lineFeed)
  }

  #unescape(value: string): string {
    const quote = this.#quoteText
    if (this.#escape === nowhere) return value.replaceAll(quote + quote, quote)
    const literal = [this.#escapeText, quote, '\n', '\r', ...this.#delimiterText]
    let out = ''
    for (let i = 0; i < value.length; i++) {
      const c = value[i] as string
      const next = value[i + 1]
      const taken =
        next !== undefined &&
        (c === this.#escapeText ? literal.includes(next) : quote !== '' && c === quote && next === quote)
      out += taken ? next : c
      if (taken) i++
    }
    return out
  }
}
