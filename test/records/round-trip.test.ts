import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DelimitedFormat } from '../../contracts/data/feed-contract.ts'
import { writeCanonical } from '../../src/records/canonical.ts'
import { duckdbReadCanonical, duckdbReadCsv, recordColumns } from '../../src/records/duckdb.ts'
import { scan } from '../../src/records/scan.ts'
import { all, columnsNamed, delimited, fileOf, limits, tempFolder } from './support.ts'

const folder = tempFolder()
const connection = await (await DuckDBInstance.create(':memory:')).connect()

async function select(sql: string): Promise<unknown[][]> {
  return (await connection.runAndReadAll(sql)).getRows() as unknown[][]
}

const dialect = fc.record({
  delimiter: fc.constantFrom(',', ';', '\t', '|', '^', '~', '§', '||'),
  quoting: fc.constantFrom('doubled', 'backslash', 'none' as const),
  lineTerminator: fc.constantFrom('lf', 'crlf', 'cr' as const),
  always: fc.boolean(),
  headerRows: fc.constantFrom(0, 1 as const),
  preamble: fc.constantFrom(0, 2),
  trailer: fc.constantFrom(0, 1),
  endsWithLineEnd: fc.boolean(),
})
type Dialect = typeof dialect extends fc.Arbitrary<infer T> ? T : never

const cell = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '',
      'a',
      '12.50',
      'x y',
      'ä€',
      '48"',
      '"',
      'a,b',
      'a;b',
      '\\',
      '\\"',
      ' lead',
      'tail ',
      'a\nb',
      'a\r\nb',
      "it's",
      '""',
      '|',
      '\t',
      '😀',
    ),
  },
  { weight: 1, arbitrary: fc.string({ maxLength: 12, unit: 'grapheme' }) },
)
const table = fc
  .integer({ min: 2, max: 5 })
  .chain(width => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 12 }))

const lineEnds = { lf: '\n', crlf: '\r\n', cr: '\r' }

/** What the dialect can hold: without quotes no delimiters and line ends, and nothing that a reader is allowed to see as something else. */
function holdable(value: string, { quoting, delimiter }: Dialect): string {
  const text = value.replaceAll('\0', '')
  if (quoting !== 'none') return text
  return text
    .replaceAll(/[\r\n]/g, ' ')
    .replaceAll(delimiter, '')
    .replaceAll(delimiter[0] as string, '')
}

function render(rows: readonly (readonly string[])[], d: Dialect): string {
  const escaped = (value: string) =>
    d.quoting === 'doubled' ? value.replaceAll('"', '""') : value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  const field = (value: string) => {
    if (d.quoting === 'none') return value
    const plain = !d.always && /^[\w.äé€]*$/.test(value)
    return plain ? value : `"${escaped(value)}"`
  }
  const end = lineEnds[d.lineTerminator]
  const body = rows.map(row => row.map(field).join(d.delimiter)).join(end)
  const trailer = d.trailer === 1 ? `${end}Total ${rows.length}` : ''
  return `${`a preamble "line${end}`.repeat(d.preamble)}${body}${trailer}${d.endsWithLineEnd ? end : ''}`
}

const formatOf = (d: Dialect): DelimitedFormat =>
  delimited({
    delimiter: d.delimiter,
    quote: d.quoting === 'none' ? null : '"',
    escape: d.quoting === 'none' ? null : d.quoting === 'doubled' ? '"' : '\\',
    lineTerminator: d.lineTerminator,
    headerRows: d.headerRows,
    preambleLines: d.preamble,
    trailerLines: d.trailer,
  })

let regularFiles = 0

test('a table in any dialect is read back, by scan, by canonical file, and by DuckDB where the file is regular', async () => {
  await fc.assert(
    fc.asyncProperty(table, dialect, async (cells, d) => {
      const width = cells[0]?.length ?? 0
      const rows = cells.map(row => row.map(value => holdable(value, d)))
      // Without quotes a row of blanks alone is a blank line.
      if (d.quoting === 'none' && rows.some(row => row.join(d.delimiter).trim() === '' && d.delimiter.trim() === ''))
        return
      const names = Array.from({ length: width }, (_, i) => `c${i}`)
      const columns = columnsNamed(...names)
      const format = formatOf(d)
      const file = fileOf(folder, render(d.headerRows === 1 ? [names, ...rows] : rows, d))

      const records = await all(file, format, columns)
      expect(records.map(record => (record.kind === 'fields' ? record.fields : record.code))).toEqual(rows)

      const found = await scan(file, format, { ...limits, fields: width })
      expect([found.records, found.malformed]).toEqual([rows.length, 0])

      const wanted = rows.map(row => row.map(value => (value === '' ? null : value)))
      const target = join(folder, 'canonical.csv')
      const shape = await writeCanonical(file, { format, columns }, target, limits)
      const canonical = await select(`select * from ${duckdbReadCanonical(columns, target, shape)}`)
      expect(canonical.map(row => row.slice(0, width))).toEqual(wanted)
      expect(canonical.map(row => row.slice(width))).toEqual(
        records.map(({ number, line, byteOffset, raw }) => [
          BigInt(number),
          BigInt(line),
          byteOffset === null ? null : BigInt(byteOffset),
          raw === '' ? null : raw,
          null,
          null,
        ]),
      )
      if (!found.regular) return
      regularFiles++
      expect(await select(`select * from ${duckdbReadCsv(format, columns, file, found)}`)).toEqual(wanted)
    }),
    { numRuns: 150 },
  )
  expect(regularFiles).toBeGreaterThan(20)
})

test('whatever the bytes, every line is in a record, the preamble, or blank, and both passes count alike', async () => {
  const piece = fc.constantFrom('"', '""', ',', '\n', '\r\n', '\r', 'a', ' ', '\\', 'é', '\0', '\uFEFF')
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 1, max: 4 }), async (pieces, width) => {
      const text = pieces.join('')
      const file = fileOf(folder, text)
      const columns = columnsNamed(...Array.from({ length: width }, (_, i) => `c${i}`))
      const records = await all(file, delimited(), columns)
      const found = await scan(file, delimited(), { ...limits, fields: width })
      expect(found.records).toBe(records.length)
      expect(found.malformed).toBe(records.filter(({ kind }) => kind === 'malformed').length)
      const ink = (s: string) => s.replaceAll(/[\s\uFEFF]/g, '')
      expect(records.map(({ raw }) => ink(raw)).join('')).toBe(ink(text))
      for (const { raw, byteOffset } of records) {
        expect(
          Buffer.from(text)
            .subarray(byteOffset ?? -1)
            .toString()
            .startsWith(raw),
        ).toBe(true)
      }
    }),
    { numRuns: 150 },
  )
})

test('malformed records keep their text, code and message in the canonical file', async () => {
  const columns = columnsNamed('a', 'b')
  const target = join(folder, 'malformed.csv')
  const shape = await writeCanonical(fileOf(folder, 'x,1\n"y\nz,2\n'), { format: delimited(), columns }, target, limits)
  expect(shape).toMatchObject({ records: 3, malformed: 1, lineBreaks: false })
  const rows = await select(
    `select a, b, ${Object.keys(recordColumns).join(', ')} from ${duckdbReadCanonical(columns, target, shape)}`,
  )
  expect(rows).toEqual([
    ['x', '1', 1n, 1n, 0n, 'x,1', null, null],
    [null, null, 2n, 2n, 4n, '"y', 'UNTERMINATED_QUOTE', expect.stringContaining('not closed')],
    ['z', '2', 3n, 3n, 7n, 'z,2', null, null],
  ])
})

test('what a simpler reader would misread is not regular, and the reason is named', async () => {
  const reasons = async (text: string, over: Partial<DelimitedFormat> = {}) =>
    (await scan(fileOf(folder, text), delimited(over), { ...limits, fields: 2 })).reasons
  expect(await reasons('a,1\nb,2\n')).toEqual([])
  expect(await reasons('a,"1\n2"\nb,2')).toEqual([])
  expect(await reasons('a,1\r\nb,2\n')).toEqual(['line ends are mixed'])
  expect(await reasons('a,1\n\nb,2\n')).toEqual(['it has blank lines'])
  expect(await reasons('a,1\nb\n')).toEqual(['some records are malformed'])
  expect(await reasons('a,1,\n')).toEqual(['rows end with surplus delimiters'])
  expect(await reasons('a, "1"\n')).toEqual(['spaces stand around quotes'])
  expect(await reasons('4" a,1\n')).toEqual(['quotes stand inside of fields without quotes'])
  expect(await reasons('a\rb,1\n')).toEqual(['a carriage return stands inside of a line'])
  expect(await reasons('a,1\n', { encoding: 'windows-1252' })).toEqual(['the encoding is windows-1252'])
})
