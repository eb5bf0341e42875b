import type { DelimitedFormat, FeedFormat } from '../../../contracts/data/feed-contract.ts'
import { readBytes } from '../../records/decode.ts'
import type { ReadLimits } from '../../records/record.ts'
import { type SourceColumn, sourceColumns } from '../../records/records.ts'
import { scan } from '../../records/scan.ts'

const lineFeed = 10
const carriageReturn = 13

/** A file that an engine may take apart itself. */
export interface EngineReadable {
  readonly format: DelimitedFormat
  /** Nothing is quoted; the number of fields is as yet unknown. */
  readonly plain: boolean
  readonly lineBreaks: boolean
}

/** Undefined for a file of which only `src/records` knows what is a record. */
export async function engineReadable(
  file: string,
  { format, columns }: { readonly format: FeedFormat; readonly columns: readonly SourceColumn[] },
  limits: ReadLimits,
): Promise<EngineReadable | undefined> {
  if (format.kind !== 'delimited') return undefined
  const options = { ...limits, fields: sourceColumns(columns).length }
  if (await isPlainFile(file, format, options)) return { format, plain: true, lineBreaks: false }
  const { regular, lineBreaks } = await scan(file, format, options)
  return regular ? { format, plain: false, lineBreaks } : undefined
}

/**
 * Whether a look at the bytes is enough to know that DuckDB takes a file apart as `src/records` does, or refuses it: nothing is
 * quoted, no line is blank or longer than a record may be, and all lines end alike. Most feeds are, and then need no slower scan.
 */
export async function isPlainFile(
  file: string,
  format: DelimitedFormat,
  { fields, maxRecordBytes }: { readonly fields: number; readonly maxRecordBytes: number },
): Promise<boolean> {
  if (fields < 2 || format.trailerLines > 0 || format.compression !== 'none' || format.lineTerminator === 'cr')
    return false
  if (!/^utf-?8$/i.test(format.encoding) || format.escape !== format.quote) return false
  const lines = new LineWatch(maxRecordBytes)
  for await (const chunk of readBytes(file, 'none')) {
    const isQuoted = format.quote !== null && chunk.includes(format.quote)
    if (isQuoted || chunk.includes(0) || !lines.take(chunk)) return false
  }
  return lines.end()
}

/** Looks at where lines end, chunk after chunk; a false answer is final. */
class LineWatch {
  readonly #limitBytes: number
  #offset = 0
  #lineStart = 0
  #lastByte: number | undefined
  #lineFeeds = 0
  #pairs = 0
  #carriageReturns = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  take(chunk: Buffer): boolean {
    for (let at = chunk.indexOf(lineFeed); at !== -1; at = chunk.indexOf(lineFeed, at + 1)) {
      const isPair = (at === 0 ? this.#lastByte : chunk[at - 1]) === carriageReturn
      const bytes = this.#offset + at - this.#lineStart - (isPair ? 1 : 0)
      if (bytes === 0 || bytes > this.#limitBytes) return false
      if (isPair) this.#pairs++
      this.#lineFeeds++
      this.#lineStart = this.#offset + at + 1
    }
    for (let at = chunk.indexOf(carriageReturn); at !== -1; at = chunk.indexOf(carriageReturn, at + 1)) {
      this.#carriageReturns++
    }
    this.#lastByte = chunk.at(-1)
    this.#offset += chunk.length
    return this.#offset - this.#lineStart <= this.#limitBytes
  }

  end(): boolean {
    const isUniform = this.#pairs === 0 || this.#pairs === this.#lineFeeds
    return isUniform && this.#carriageReturns === this.#pairs
  }
}
