import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { DelimitedFormat, FeedFormat } from '../../contracts/data/feed-contract.ts'
import type { SourceRecord } from '../../src/records/record.ts'
import { readRecords, type SourceColumn } from '../../src/records/records.ts'

export const delimited = (over: Partial<DelimitedFormat> = {}): DelimitedFormat => ({
  kind: 'delimited',
  encoding: 'utf-8',
  compression: 'none',
  delimiter: ',',
  quote: '"',
  escape: '"',
  lineTerminator: 'lf',
  preambleLines: 0,
  headerRows: 0,
  trailerLines: 0,
  ...over,
})

export const limits = { maxRecordBytes: 1024 * 1024 }

export const columnsNamed = (...names: string[]): SourceColumn[] => names.map(name => ({ name, sourceName: name }))

/** A folder that goes with the test file. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aiworkflow-records-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

let files = 0
export function fileOf(folder: string, content: string | Uint8Array): string {
  const path = join(folder, `file-${++files}`)
  writeFileSync(path, content)
  return path
}

export async function all(
  file: string,
  format: FeedFormat,
  columns: readonly SourceColumn[],
  maxRecordBytes = limits.maxRecordBytes,
): Promise<SourceRecord[]> {
  const records: SourceRecord[] = []
  for await (const batch of readRecords(file, format, columns, { maxRecordBytes })) records.push(...batch)
  return records
}

/** Fields of the well-formed, codes of the malformed. */
export const gist = (records: readonly SourceRecord[]) =>
  records.map(record => (record.kind === 'fields' ? record.fields : record.code))
