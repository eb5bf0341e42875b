/**
 * Any feed as one strict dialect that every engine reads alike: UTF-8, comma, every text in double quotes (doubled inside), lines end with LF,
 * no header. An empty field, quoted or not, is null: the empty text always means "no value". Columns: those of the contract
 * that are not retired, then `recordColumns`. A malformed record has its raw text, code and message, and null in every column.
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import type { FeedFormat } from '../../contracts/data/feed-contract.ts'
import { Failure } from '../../contracts/failures.ts'
import type { ReadLimits, SourceRecord } from './record.ts'
import { readRecords, type SourceColumn, sourceColumns } from './records.ts'

export interface CanonicalFile {
  readonly records: number
  readonly malformed: number
  /** What `duckdbReadCanonical` wants to know. */
  readonly longestLineBytes: number
  readonly lineBreaks: boolean
}

export interface CanonicalContract {
  readonly format: FeedFormat
  readonly columns: readonly SourceColumn[]
}

/** Streams a file to its canonical form at `target`, which is made new. @throws Failure as `readRecords` does */
export async function writeCanonical(
  file: string,
  contract: CanonicalContract,
  target: string,
  limits: ReadLimits,
): Promise<CanonicalFile> {
  const out = createWriteStream(target)
  const blank = ','.repeat(sourceColumns(contract.columns).length)
  let records = 0
  let malformed = 0
  let longest = 0
  let lineBreaks = false
  try {
    for await (const batch of readRecords(file, contract.format, contract.columns, limits)) {
      let text = ''
      for (const record of batch) {
        if (record.kind === 'malformed') malformed++
        const line = lineOf(record, blank)
        lineBreaks ||= line.indexOf('\n') !== line.length - 1 || line.includes('\r')
        longest = Math.max(longest, line.length)
        text += line
      }
      records += batch.length
      if (!out.write(text)) await once(out, 'drain')
    }
    out.end()
    await finished(out)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') {
      throw new Failure('DISK_FULL', `No room is left for ${target}.`, { cause: error })
    }
    throw error
  } finally {
    out.destroy()
  }
  return { records, malformed, longestLineBytes: longest * 3, lineBreaks }
}

function lineOf(record: SourceRecord, blank: string): string {
  const place = `${record.number},${record.line},${record.byteOffset ?? ''},"${doubled(record.raw)}"`
  if (record.kind === 'malformed') return `${blank}${place},"${record.code}","${doubled(record.message)}"\n`
  // Most records have no quote at all: their values are joined as they are.
  const values = record.raw.includes('"') ? record.fields.map(value => doubled(value ?? '')) : record.fields
  return `"${values.join('","')}",${place},,\n`
}

const doubled = (text: string): string => (text.includes('"') ? text.replaceAll('"', '""') : text)
