/** Any feed as a stream of records: the same records, in the same order, each time the same bytes are read. */
import type { DelimitedFormat, FeedColumn, FeedFormat } from '../../contracts/data/feed-contract.ts'
import { readText, type TextPiece } from './decode.ts'
import { DelimitedReader } from './delimited-reader.ts'
import { JsonDocument } from './json-document.ts'
import { JsonLines } from './json-lines.ts'
import { JsonReader } from './json-reader.ts'
import type { JsonSplitter } from './json-record.ts'
import type { MalformedCode, ReadLimits, RecordBatch, SourceRecord } from './record.ts'

/** What the reader needs of a column: where its value stands. Columns of delimited text stand in the order given. */
export type SourceColumn = Pick<FeedColumn, 'name' | 'sourceName' | 'sourcePath' | 'retired'>

const batchRecords = 4096

/** Columns that the source brings, in its order. */
export const sourceColumns = <T extends SourceColumn>(columns: readonly T[]): readonly T[] =>
  columns.filter(column => !column.retired)

/**
 * The records of a file, each with one value per column of the contract that is not retired.
 * @throws Failure FILE_COMPRESSION_BROKEN, FILE_VANISHED, FILE_UNREADABLE, FILE_ENCODING_BROKEN
 */
export function readRecords(
  file: string,
  format: FeedFormat,
  columns: readonly SourceColumn[],
  limits: ReadLimits,
): AsyncGenerator<RecordBatch> {
  return recordsOf(readText(file, format), format, columns, limits)
}

/** The same over text that is at hand. */
export async function* recordsOf(
  pieces: AsyncIterable<TextPiece> | Iterable<TextPiece>,
  format: FeedFormat,
  columns: readonly SourceColumn[],
  limits: ReadLimits,
): AsyncGenerator<RecordBatch> {
  const present = sourceColumns(columns)
  const reader =
    format.kind === 'delimited'
      ? new DelimitedReader(format, present.length, limits)
      : new JsonReader(jsonSplitter(format, limits), present)
  for await (const piece of pieces) yield* batches(reader.push(piece))
  yield* batches(reader.end())
}

export interface Counts {
  /** All records, well-formed and malformed. */
  readonly records: number
  readonly malformed: number
  readonly physicalLines: number
}

/** Counts the records of a file; `fields` is the number of columns, where the file's own header is not to be believed. */
export async function countRecords(
  file: string,
  format: FeedFormat,
  options: ReadLimits & { readonly fields?: number },
): Promise<Counts> {
  const steps = stepsOf(format, options)
  let records = 0
  let malformed = 0
  const count = (found: Iterable<{ readonly code?: MalformedCode | undefined }>) => {
    for (const { code } of found) {
      records++
      if (code !== undefined) malformed++
    }
  }
  for await (const piece of readText(file, format)) count(steps.push(piece))
  count(steps.end())
  return { records, malformed, physicalLines: steps.lines() }
}

function stepsOf(format: FeedFormat, options: ReadLimits & { readonly fields?: number }) {
  if (format.kind === 'delimited') {
    const reader = new DelimitedReader(format, options.fields, options)
    return { push: (piece: TextPiece) => reader.steps(piece), end: () => reader.steps(), lines: () => reader.lines }
  }
  const splitter = jsonSplitter(format, options)
  return { push: (piece: TextPiece) => splitter.push(piece), end: () => splitter.end(), lines: () => splitter.lines }
}

/** The cells of the header; null where the format has none. */
export async function readHeader(
  file: string,
  format: FeedFormat,
  limits: ReadLimits,
): Promise<readonly string[] | null> {
  if (format.kind !== 'delimited' || format.headerRows === 0) return null
  const reader = new DelimitedReader(format, undefined, limits)
  for await (const piece of readText(file, format)) {
    reader.steps(piece).next()
    if (reader.header !== undefined) return reader.header
  }
  reader.steps().next()
  return reader.header ?? null
}

export function jsonSplitter(format: Exclude<FeedFormat, DelimitedFormat>, limits: ReadLimits): JsonSplitter {
  return format.kind === 'ndjson' ? new JsonLines(format, limits) : new JsonDocument(format, limits)
}

function* batches(records: Iterable<SourceRecord>): Generator<RecordBatch> {
  let batch: SourceRecord[] = []
  for (const record of records) {
    batch.push(record)
    if (batch.length === batchRecords) {
      yield batch
      batch = []
    }
  }
  if (batch.length > 0) yield batch
}
