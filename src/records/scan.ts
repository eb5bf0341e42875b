/** One pass over a file: how many records it has, what is wrong with them, and whether a simpler reader would see the same. */
import type { DelimitedFormat, FeedFormat } from '../../contracts/data/feed-contract.ts'
import { readText } from './decode.ts'
import { DelimitedReader } from './delimited-reader.ts'
import type { JsonRecord } from './json-record.ts'
import type { JsonObject } from './json-value.ts'
import type { MalformedCode, ReadLimits } from './record.ts'
import { type Counts, jsonSplitter } from './records.ts'

/** One of the last records of the file, in its own words. */
export interface TailRecord {
  readonly raw: string
  /** Physical lines it starts and ends on. */
  readonly line: number
  readonly lastLine: number
  readonly code: MalformedCode | undefined
}

export interface Scan extends Counts {
  readonly codes: Readonly<Partial<Record<MalformedCode, number>>>
  /** DuckDB may read the file itself, with `duckdbReadCsv`, and sees the same records. */
  readonly regular: boolean
  /** Why it is not regular. */
  readonly reasons: readonly string[]
  /** Some field holds a line break: no parallel reader. */
  readonly lineBreaks: boolean
  readonly blankLines: number
  readonly mixedLineEnds: boolean
  readonly surplusEmptyFields: number
  readonly header: readonly string[] | null
  /** Delimited text only. */
  readonly tail: readonly TailRecord[]
}

export interface ScanOptions extends ReadLimits {
  /** The number of columns, where the file's own header is not to be believed. */
  readonly fields?: number
  /** Sees each well-formed record of a JSON source. */
  readonly see?: (value: JsonObject) => void
}

const tailRecords = 16
/** DuckDB's own default; a longer line would need larger buffers. */
const duckdbLineBytes = 2_000_000

export async function scan(file: string, format: FeedFormat, options: ScanOptions): Promise<Scan> {
  return format.kind === 'delimited' ? scanDelimited(file, format, options) : scanJson(file, format, options)
}

async function scanDelimited(file: string, format: DelimitedFormat, options: ScanOptions): Promise<Scan> {
  const reader = new DelimitedReader(format, options.fields, options)
  const { cursor } = reader
  const codes: Partial<Record<MalformedCode, number>> = {}
  const tail: TailRecord[] = []
  let malformed = 0
  let lineBreaks = false
  const count = (found: Iterable<unknown>) => {
    for (const _ of found) {
      const { code, line, lines } = cursor
      if (lines > line) lineBreaks = true
      tail[reader.records % tailRecords] = { raw: cursor.raw(), line, lastLine: lines, code }
      if (code === undefined) continue
      malformed++
      codes[code] = (codes[code] ?? 0) + 1
    }
  }
  for await (const piece of readText(file, format)) count(reader.steps(piece))
  count(reader.steps())
  const { lineFeedEnds, carriageReturnLineFeedEnds } = cursor.grammar
  const mixedLineEnds = lineFeedEnds > 0 && carriageReturnLineFeedEnds > 0
  const oldest = (reader.records + 1) % tailRecords
  const reasons = irregularities(format, reader, { mixedLineEnds, lineBreaks, malformed }, options.fields)
  return {
    records: reader.records,
    malformed,
    physicalLines: reader.lines,
    codes,
    regular: reasons.length === 0,
    reasons,
    lineBreaks,
    blankLines: cursor.blankLines,
    mixedLineEnds,
    surplusEmptyFields: cursor.surplusEmptyFields,
    header: reader.header ?? null,
    tail: [...tail.slice(oldest), ...tail.slice(0, oldest)].filter(record => record !== undefined),
  }
}

function irregularities(
  format: DelimitedFormat,
  reader: DelimitedReader,
  { mixedLineEnds, lineBreaks, malformed }: { mixedLineEnds: boolean; lineBreaks: boolean; malformed: number },
  fields: number | undefined,
): string[] {
  const { cursor, header } = reader
  const { irregular } = cursor.grammar
  const findings: readonly (readonly [boolean, string])[] = [
    [!/^utf-?8$/i.test(format.encoding), `the encoding is ${format.encoding}`],
    [format.compression !== 'none', `it is compressed with ${format.compression}`],
    [format.lineTerminator === 'cr', 'lines end with a carriage return alone'],
    [format.trailerLines > 0, 'it has a trailer'],
    [format.escape !== format.quote, 'quotes are not escaped by doubling'],
    [irregular.quoteInPlainField, 'quotes stand inside of fields without quotes'],
    [irregular.spaceAroundQuotes, 'spaces stand around quotes'],
    [irregular.strayCarriageReturn, 'a carriage return stands inside of a line'],
    [mixedLineEnds, 'line ends are mixed'],
    [lineBreaks && cursor.grammar.carriageReturnLineFeedEnds > 0, 'lines end with CR LF and fields hold line breaks'],
    [cursor.blankLines > 0, 'it has blank lines'],
    [cursor.surplusEmptyFields > 0, 'rows end with surplus delimiters'],
    [malformed > 0 || reader.headerCode !== undefined, 'some records are malformed'],
    [
      header !== undefined && header.length !== (fields ?? header.length),
      'the header has another number of fields than the records',
    ],
    [cursor.longestRecord * 4 > duckdbLineBytes, 'some records are very long'],
  ]
  return findings.flatMap(([found, reason]) => (found ? [reason] : []))
}

async function scanJson(
  file: string,
  format: Exclude<FeedFormat, DelimitedFormat>,
  options: ScanOptions,
): Promise<Scan> {
  const splitter = jsonSplitter(format, options)
  const codes: Partial<Record<MalformedCode, number>> = {}
  let records = 0
  let malformed = 0
  const count = (found: Iterable<JsonRecord>) => {
    for (const record of found) {
      records++
      if (record.code === undefined) options.see?.(record.value)
      else {
        malformed++
        codes[record.code] = (codes[record.code] ?? 0) + 1
      }
    }
  }
  for await (const piece of readText(file, format)) count(splitter.push(piece))
  count(splitter.end())
  const common = {
    blankLines: 0,
    mixedLineEnds: false,
    surplusEmptyFields: 0,
    header: null,
    tail: [],
    lineBreaks: false,
  }
  return {
    ...common,
    records,
    malformed,
    physicalLines: splitter.lines,
    codes,
    regular: false,
    reasons: ['it is JSON'],
  }
}
