/** Discovery of a file on disk: a bounded sample, then one pass over the whole for what only the whole can tell. */
import { isUtf8 } from 'node:buffer'
import { open, stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Reading } from '../../contracts/data/doubt.ts'
import type {
  DelimitedFormat,
  DiscoveredSpec,
  FeedColumn,
  FeedFormat,
  QualitySignal,
} from '../../contracts/data/feed-contract.ts'
import type { DiscoveryPolicy } from '../../contracts/data/policy.ts'
import { Failure } from '../../contracts/failures.ts'
import { readBytes, readFailure } from '../records/decode.ts'
import { RecordGrammar } from '../records/delimited-grammar.ts'
import { readRecords } from '../records/records.ts'
import { type Scan, scan } from '../records/scan.ts'
import { type Discovered, discover, type Known } from './discover.ts'
import { findEncoding } from './encoding.ts'
import { fitsColumn } from './fits.ts'
import { columnOf, KeyTree } from './json-sample.ts'
import { presentText } from './profile.ts'
import type { Sample } from './sample.ts'
import { findTrailer, type TailRow } from './trailer.ts'
import { nameColumns } from './words.ts'

/**
 * What a file is; `format`: read it so instead of finding out.
 * @throws Failure as `discover`, and FILE_VANISHED, FILE_UNREADABLE, FILE_COMPRESSION_BROKEN
 */
export const inspectFile = async (
  path: string,
  policy: DiscoveryPolicy,
  format?: FeedFormat,
): Promise<DiscoveredSpec> => (await inspectClosely(path, policy, format === undefined ? {} : { format })).spec

/** The same with what is in doubt, and with doubts settled: a reading that sample or file does not bear out changes nothing. */
export async function inspectClosely(
  path: string,
  policy: DiscoveryPolicy,
  { format, readings = [] }: Pick<Known, 'format' | 'readings'> = {},
): Promise<Discovered> {
  const given = format === undefined ? {} : { format }
  const header = readings.find(({ kind }) => kind === 'headerRows')
  if (header?.kind === 'headerRows') {
    const found = await inspectClosely(path, policy, given)
    const rest = readings.filter(reading => reading !== header)
    const as = await withHeader(path, policy, found.spec.format, header.headerRows, rest)
    return as ?? { ...found, refused: [...readings] }
  }
  const sample = await readSample(path, policy)
  let look = await lookAt(path, sample, policy, { ...given, readings })
  const encoding = format === undefined ? await betterEncoding(path, sample, look) : undefined
  if (encoding !== undefined) look = await lookAt(path, sample, policy, { encoding, readings })
  const broken = await brokenReadings(path, look.spec, readings, policy, sample.complete)
  if (broken.length === 0) return look
  const held = readings.filter(reading => !broken.includes(reading))
  const again = await inspectClosely(path, policy, { ...given, readings: held })
  return { ...again, refused: [...again.refused, ...broken] }
}

/** Undefined where the file cannot be read so. */
async function withHeader(
  path: string,
  policy: DiscoveryPolicy,
  format: FeedFormat,
  headerRows: 0 | 1,
  readings: readonly Reading[],
): Promise<Discovered | undefined> {
  if (format.kind !== 'delimited') return undefined
  try {
    return await inspectClosely(path, policy, { format: { ...format, headerRows }, readings })
  } catch (error) {
    if (error instanceof Failure && error.kind === 'terminal') return undefined
    throw error
  }
}

/** Readings of values that hold in the sample and not in the whole file. */
async function brokenReadings(
  path: string,
  { format, columns, nullTokens }: DiscoveredSpec,
  readings: readonly Reading[],
  policy: DiscoveryPolicy,
  sampleIsWhole: boolean,
): Promise<Reading[]> {
  const names = new Map(readings.flatMap(each => (each.kind === 'name' ? [[each.column, each.name]] : [])))
  const settled = readings.flatMap(reading => {
    if (sampleIsWhole || reading.kind !== 'valueFormat') return []
    const at = columns.findIndex(({ name }) => name === (names.get(reading.column) ?? reading.column))
    const taken = at !== -1 && isDeepStrictEqual(columns[at]?.format, reading.format)
    return taken ? [{ reading, at, present: 0, fitting: 0 }] : []
  })
  if (settled.length === 0) return []
  const tokens = new Set(nullTokens)
  for await (const batch of readRecords(path, format, columns, policy)) {
    for (const record of batch) {
      if (record.kind !== 'fields') continue
      for (const one of settled) {
        const text = presentText(record.fields[one.at], tokens)
        if (text === null) continue
        one.present++
        if (fitsColumn(columns[one.at] as FeedColumn, text)) one.fitting++
      }
    }
  }
  return settled.filter(({ present, fitting }) => fitting < present * policy.typeFit).map(({ reading }) => reading)
}

interface Look extends Discovered {
  readonly found: Scan
}

async function lookAt(path: string, sample: Sample, policy: DiscoveryPolicy, known: Known): Promise<Look> {
  const { spec, doubts, refused } = discover(sample, policy, known)
  const fields = spec.format.kind === 'delimited' ? { fields: spec.columns.length } : {}
  const keys = new KeyTree()
  const found = await scan(path, spec.format, {
    ...fields,
    maxRecordBytes: policy.maxRecordBytes,
    see: value => keys.add(value),
  })
  const settled = { found, doubts, refused }
  const whole = { ...spec, rowCount: found.records, quality: [...structureless(spec.quality), ...scanSignals(found)] }
  if (spec.format.kind !== 'delimited') return { ...settled, spec: { ...whole, columns: withKeys(spec.columns, keys) } }
  if (sample.complete || known.format !== undefined) return { ...settled, spec: whole }
  const trailer = trailerOf(found, spec.format, spec.columns.length)
  const format = { ...spec.format, trailerLines: trailer.lines }
  return { ...settled, spec: { ...whole, format, rowCount: found.records - trailer.records } }
}

async function readSample(path: string, policy: DiscoveryPolicy): Promise<Sample> {
  try {
    const { size } = await stat(path)
    const compression = await compressionOf(path)
    const chunks: Buffer[] = []
    let bytes = 0
    let complete = true
    for await (const chunk of readBytes(path, compression)) {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes <= policy.sampleBytes) continue
      complete = false
      break
    }
    const head = Buffer.concat(chunks).subarray(0, policy.sampleBytes)
    return { head, complete, sizeBytes: size, compression, path }
  } catch (error) {
    throw readFailure(path, error)
  }
}

async function compressionOf(path: string): Promise<'none' | 'gzip'> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(3), 0, 3, 0)
    return bytesRead === 3 && buffer[0] === 0x1f && buffer[1] === 0x8b && buffer[2] === 8 ? 'gzip' : 'none'
  } finally {
    await file.close()
  }
}

/** A file that starts as ASCII may go on in another encoding: its first unreadable lines tell. */
async function betterEncoding(path: string, sample: Sample, { spec, found }: Look): Promise<string | undefined> {
  if (spec.format.encoding !== 'utf-8' || (found.codes.INVALID_ENCODING ?? 0) === 0 || sample.complete) return undefined
  const lines: Buffer[] = []
  let bytes = 0
  for await (const chunk of readBytes(path, spec.format.compression)) {
    for (let start = 0; start < chunk.length && bytes < 256 * 1024; ) {
      const end = chunk.indexOf(10, start) + 1 || chunk.length
      const line = chunk.subarray(start, end)
      // Lines that the chunk cuts in two are left out: they may be broken by the cut alone.
      if (start > 0 && end < chunk.length && line.some(byte => byte >= 0x80)) {
        lines.push(line)
        bytes += line.length
      }
      start = end
    }
    if (bytes >= 256 * 1024) break
  }
  if (lines.every(line => isUtf8(line))) return undefined
  const { encoding } = findEncoding(Buffer.concat(lines), true)
  return encoding === 'utf-8' ? undefined : encoding
}

/** Signals of the sample that the scan of the whole file says better. */
const structureless = (signals: readonly QualitySignal[]): QualitySignal[] =>
  signals.filter(({ code }) => !scanned.has(code))
const scanned = new Set([
  'TOO_FEW_FIELDS',
  'TOO_MANY_FIELDS',
  'UNTERMINATED_QUOTE',
  'TEXT_AFTER_QUOTE',
  'INVALID_ENCODING',
  'RECORD_TOO_LONG',
  'INVALID_JSON',
  'NOT_AN_OBJECT',
])

function scanSignals(found: Scan): QualitySignal[] {
  const signals = Object.entries(found.codes).map(([code, times]) => ({
    code,
    message: `${times} of ${found.records} records`,
  }))
  if (found.blankLines > 0)
    signals.push({ code: 'BLANK_LINES', message: `${found.blankLines} blank lines stand between the records` })
  if (found.mixedLineEnds)
    signals.push({ code: 'MIXED_LINE_TERMINATORS', message: 'some lines end with LF, some with CR LF' })
  if (found.surplusEmptyFields > 0)
    signals.push({
      code: 'SURPLUS_DELIMITERS',
      message: `${found.surplusEmptyFields} records end with surplus delimiters`,
    })
  return signals
}

/** Keys that only later records have become columns too: text, since nobody looked at their values. */
function withKeys(columns: readonly FeedColumn[], keys: KeyTree): FeedColumn[] {
  const known = new Set(columns.map(({ sourcePath }) => JSON.stringify(sourcePath)))
  const inside = (path: readonly string[]) => path.some((_, end) => known.has(JSON.stringify(path.slice(0, end))))
  const outside = (path: readonly string[]) =>
    columns.some(({ sourcePath }) => path.every((key, index) => sourcePath?.[index] === key))
  const later = keys
    .paths()
    .filter(path => !known.has(JSON.stringify(path)) && !inside(path) && !outside(path))
    .map(columnOf)
  const { names } = nameColumns([
    ...columns.map(({ sourceName }) => sourceName),
    ...later.map(({ sourceName }) => sourceName),
  ])
  return [
    ...columns,
    ...later.map(
      (column, index): FeedColumn => ({
        ...column,
        name: names[columns.length + index] ?? `column_${columns.length + index + 1}`,
        type: 'string',
        nullable: true,
      }),
    ),
  ]
}

function trailerOf(found: Scan, format: DelimitedFormat, width: number): { lines: number; records: number } {
  const grammar = new RecordGrammar(format)
  const tail = found.tail.map(({ raw, line, lastLine, code }): TailRow => {
    grammar.load(raw)
    grammar.parse(0, true)
    return { fields: grammar.fields(), code, line, lastLine }
  })
  const body = tail
    .slice(0, -1)
    .filter(({ code }) => code === undefined)
    .map(({ fields }) => fields)
  const lines = findTrailer(tail, body, width)
  const last = tail.at(-1)?.lastLine ?? 0
  return { lines, records: tail.filter(({ lastLine }) => lastLine > last - lines).length }
}
