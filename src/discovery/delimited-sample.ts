/** A delimited sample as format and table: dialect, preamble, header, trailer. Pure. */
import type { DelimitedFormat, QualitySignal } from '../../contracts/data/feed-contract.ts'
import { Failure } from '../../contracts/failures.ts'
import type { ReadLimits } from '../records/record.ts'
import { type Dialect, findDialects, findLineTerminator, type Row, rowsOf } from './dialect.ts'
import { refuseUntabular } from './foreign.ts'
import { findHeader } from './header.ts'
import type { SampleTable } from './sample.ts'
import { findTrailer } from './trailer.ts'

export interface DelimitedSample {
  readonly format: Omit<DelimitedFormat, 'encoding' | 'compression'>
  readonly table: SampleTable
}

interface Given {
  readonly path: string
  readonly complete: boolean
  readonly limits: ReadLimits
}

const leastScore = 0.25
/** Where a row of names says which delimiter it is, rows may be this ragged. */
const leastNamedScore = 0.05
const tailRows = 16

/** @throws Failure FILE_HEADER_ONLY, FILE_RECORD_TOO_LONG, FILE_FORMAT_UNKNOWN (fixed width) */
export function findDelimited(text: string, given: Given): DelimitedSample {
  const dialects = findDialects(text, given.complete, given.limits)
  const best = dialects.find(({ score, named }) => score >= (named ? leastNamedScore : leastScore))
  if (best === undefined) {
    refuseUntabular(text.slice(0, 64 * 1024).split(/\r\n|\r|\n/), given.path)
    return layOut(text, singleColumn(text), 0.4, given)
  }
  const second = dialects.find(one => one !== best)
  const lead =
    second === undefined || second.dialect.delimiter === best.dialect.delimiter ? best.score : best.score - second.score
  return layOut(text, best.dialect, Math.min(1, best.score * 0.6 + 0.4 * Math.min(1, lead * 2)), given)
}

/** The sample as a format says. @throws as `findDelimited` */
export function readDelimited(
  text: string,
  format: DelimitedFormat,
  { path, complete, limits }: Given,
): DelimitedSample {
  const rows = rowsOf(text, format, limits, complete)
  const start = rows.findIndex(({ line }) => line > format.preambleLines)
  const first = start === -1 ? rows.length : start
  const head = rows[first]
  const names = format.headerRows === 1 ? (head?.fields ?? []) : []
  const width = Math.max(1, names.length || usualWidth(rows.slice(first)))
  const last = rows.at(-1)?.lastLine ?? 0
  const end = complete ? rows.findLastIndex(({ lastLine }) => lastLine <= last - format.trailerLines) + 1 : rows.length
  return {
    format,
    table: tableOf(rows.slice(first + format.headerRows, end), names, width, 0.9, {
      path,
      delimiter: format.delimiter,
    }),
  }
}

function layOut(
  text: string,
  dialect: Dialect,
  confidence: number,
  { path, complete, limits }: Given,
): DelimitedSample {
  const rows = rowsOf(text, dialect, limits, complete)
  if (rows.length === 0) throw tooLong(path, limits)
  const header = findHeader(rows, usualWidth(rows))
  const head = rows[header.first] as Row
  if (head.code === 'RECORD_TOO_LONG') throw tooLong(path, limits)
  const body = rows.slice(header.first + header.headerRows)
  if (body.length === 0)
    throw new Failure('FILE_HEADER_ONLY', `${path} has a header of ${head.fields.length} columns and no record.`)
  const tail = body.slice(-tailRows).map(row => ({ ...row, code: judge(row, header.width) }))
  const wellFormed = body.slice(0, -1).filter(row => judge(row, header.width) === undefined)
  const trailerLines = complete
    ? findTrailer(
        tail,
        wellFormed.map(({ fields }) => fields),
        header.width,
      )
    : 0
  const last = body.at(-1)?.lastLine ?? 0
  const records = body.filter(({ lastLine }) => lastLine <= last - trailerLines)
  const preambleLines = head.line - 1
  const format = { kind: 'delimited' as const, ...dialect, preambleLines, headerRows: header.headerRows, trailerLines }
  const names = header.headerRows === 1 ? head.fields : []
  const table = tableOf(records, names, header.width, confidence * (0.85 + 0.15 * Math.abs(header.certainty)), {
    path,
    delimiter: dialect.delimiter,
  })
  const signals = [...layoutSignals(format, header.certainty), ...table.signals]
  return { format, table: { ...table, signals, headerCertainty: header.certainty } }
}

function tooLong(path: string, limits: ReadLimits): Failure {
  return new Failure(
    'FILE_RECORD_TOO_LONG',
    `${path} has a first record that does not end within the limit of ${limits.maxRecordBytes} bytes.`,
  )
}

function singleColumn(text: string): Dialect {
  const delimiter = [',', ';', '\t', '|', '\x1f'].find(one => !text.includes(one)) ?? '\x1e'
  return { delimiter, quote: '"', escape: '"', lineTerminator: findLineTerminator(text) }
}

/** The number of fields that most rows have; titles and totals are short and few. */
function usualWidth(rows: readonly Row[]): number {
  const counts = new Map<number, number>()
  for (const { fields, code } of rows)
    if (code === undefined) counts.set(fields.length, (counts.get(fields.length) ?? 0) + 1)
  const worth = ([width, times]: [number, number]) => times * (width > 1 ? 1 : 0.3)
  return [...counts].reduce((best, next) => (worth(next) > worth(best) ? next : best), [1, 0] as [number, number])[0]
}

function judge({ fields, code }: Row, width: number): Row['code'] {
  if (code !== undefined || fields.length === width) return code
  if (fields.length < width) return 'TOO_FEW_FIELDS'
  return fields.slice(width).some(field => field !== '') ? 'TOO_MANY_FIELDS' : undefined
}

function tableOf(
  records: readonly Row[],
  names: readonly string[],
  width: number,
  confidence: number,
  { path, delimiter }: { path: string; delimiter: string },
): SampleTable {
  const wellFormed = records.filter(row => judge(row, width) === undefined)
  const malformed = records.length - wellFormed.length
  const codes = new Map<string, number>()
  for (const row of records) {
    const code = judge(row, width)
    if (code !== undefined) codes.set(code, (codes.get(code) ?? 0) + 1)
  }
  if (wellFormed.length === 0 && codes.has('RECORD_TOO_LONG'))
    throw new Failure('FILE_RECORD_TOO_LONG', `${path} has no record within the length limit.`)
  const signals: QualitySignal[] = [...codes].map(([code, times]) => ({
    code,
    message: `${times} of ${records.length} records of the sample`,
  }))
  const surplus = names.slice(width).filter(name => name.trim() !== '')
  if (surplus.length > 0)
    signals.push({
      code: 'HEADER_TOO_LONG',
      message: `no record has a value for the last names of the header: ${surplus.join(', ')}`,
    })
  if (names.length > 0 && names.length < width)
    signals.push({
      code: 'HEADER_TOO_SHORT',
      message: `records have ${width} fields, the header names ${names.length}`,
    })
  return {
    columns: Array.from({ length: width }, (_, i) => ({
      sourceName: names.length === 0 ? `column_${i + 1}` : (names[i]?.trim() ?? ''),
    })),
    headerRows: names.length === 0 ? 0 : 1,
    rows: wellFormed.map(({ fields }) => fields),
    ...(delimiter === ',' ? { decimalHint: '.' as const } : {}),
    malformed,
    signals,
    confidence: confidence * (records.length === 0 ? 0.5 : 1 - malformed / records.length),
  }
}

function layoutSignals(format: DelimitedSample['format'], certainty: number): QualitySignal[] {
  const signals: QualitySignal[] = []
  if (format.preambleLines > 0)
    signals.push({
      code: 'PREAMBLE',
      message: `${format.preambleLines} lines stand in front of the ${format.headerRows === 1 ? 'header' : 'first record'}`,
    })
  if (format.headerRows === 0)
    signals.push({ code: 'NO_HEADER', message: 'the first row looks like a record; columns are named by position' })
  else if (certainty < 0.2)
    signals.push({
      code: 'HEADER_UNSURE',
      message: 'the first row is taken for a header, but its cells look like those below',
    })
  if (format.trailerLines > 0)
    signals.push({ code: 'TRAILER', message: `${format.trailerLines} lines behind the last record are no records` })
  return signals
}
