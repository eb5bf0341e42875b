import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DelimitedFormat } from '../../contracts/data/feed-contract.ts'
import { duckdbReadCsv } from '../../src/records/duckdb.ts'
import { readRecords } from '../../src/records/records.ts'
import { isPlainFile } from '../../src/tools/lakehouse/plain-file.ts'
import { column, csv } from './lake.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'plain-'))
const file = path.join(folder, 'file.csv')
const format = csv as DelimitedFormat
const columns = [column('a'), column('b')]
const limits = { fields: 2, maxRecordBytes: 20 }
let connection: DuckDBConnection
beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect()
})
afterAll(() => {
  connection.closeSync()
  rmSync(folder, { recursive: true })
})

const isPlain = (bytes: string | Uint8Array, more: Partial<DelimitedFormat> = {}, fields = 2) => {
  writeFileSync(file, bytes)
  return isPlainFile(file, { ...format, ...more }, { ...limits, fields })
}

/** The records as this program reads them: values of the well-formed, null for the others. */
async function ownRecords() {
  const found: unknown[] = []
  for await (const batch of readRecords(file, format, columns, limits))
    for (const record of batch) found.push(record.kind === 'fields' ? record.fields.map(field => field || null) : null)
  return found
}

describe('a plain file', () => {
  test.each([
    ['lines that end with LF', 'a,b\n1,2\n'],
    ['lines that end with CRLF', 'a,b\r\n1,2\r\n'],
    ['a last line without an end', 'a,b\n1,2'],
    ['a byte order mark', '\ufeffa,b\n1,2\n'],
  ])('%s: is plain', async (_, text) => expect(await isPlain(text)).toBe(true))

  test.each([
    ['a quote anywhere', 'a,b\n1,"2"\n', {}, 2],
    ['a blank line', 'a,b\n\n1,2\n', {}, 2],
    ['a blank line with CRLF', 'a,b\r\n\r\n1,2\r\n', {}, 2],
    ['mixed line ends', 'a,b\r\n1,2\n', {}, 2],
    ['a stray carriage return', 'a,b\n1\r,2\n', {}, 2],
    ['a carriage return at the end', 'a,b\n1,2\r', {}, 2],
    ['a NUL', 'a,b\n1\0,2\n', {}, 2],
    ['a record longer than the limit', `a,b\n${'x'.repeat(30)},2\n`, {}, 2],
    ['a last record longer than the limit', `a,b\n${'x'.repeat(30)},2`, {}, 2],
    ['a single column', 'a\n1\n', {}, 1],
    ['another encoding', 'a,b\n1,2\n', { encoding: 'windows-1252' }, 2],
    ['a trailer', 'a,b\n1,2\n', { trailerLines: 1 }, 2],
    ['compression', 'a,b\n1,2\n', { compression: 'gzip' as const }, 2],
  ])('%s: is looked at more closely', async (_, text, more, fields) =>
    expect(await isPlain(text, more, fields)).toBe(false),
  )

  test('whatever is in it: where DuckDB reads a plain file, it reads the same records', async () => {
    const piece = fc.constantFrom(
      '1',
      'é',
      ',',
      '\n',
      '\r\n',
      ' ',
      '\t',
      'a,b\n',
      '"',
      '\r',
      '\0',
      ';',
      '#',
      '\\',
      '\u2028',
      '\udfff',
    )
    let compared = 0
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 14 }), async pieces => {
        const text = `a,b\n${pieces.join('')}`
        if (!(await isPlain(text))) return
        const source = duckdbReadCsv(format, columns, file, { lineBreaks: false })
        const rows = await connection.runAndReadAll(`SELECT * FROM ${source}`).then(
          result => result.getRows(),
          () => undefined,
        )
        if (rows === undefined) return
        compared += 1
        expect(rows).toEqual(await ownRecords())
      }),
      { numRuns: 1_000 },
    )
    expect(compared).toBeGreaterThan(20)
  })
})
