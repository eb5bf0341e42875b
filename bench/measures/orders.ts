/** The file that `load.csv` loads: ten columns of the types feeds have, the same bytes on every machine. */
import { createWriteStream } from 'node:fs'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { DelimitedFormat, FeedColumn, FeedContract } from '../../contracts/data/feed-contract.ts'

/** How the files of the bench are written. */
export const commaSeparated: DelimitedFormat = {
  kind: 'delimited',
  encoding: 'utf-8',
  compression: 'none',
  delimiter: ',',
  quote: '"',
  escape: '"',
  lineTerminator: 'lf',
  preambleLines: 0,
  headerRows: 1,
  trailerLines: 0,
}

export interface WrittenCsv {
  readonly path: string
  readonly name: string
  readonly rows: number
  readonly sizeBytes: number
}

interface Column {
  readonly name: string
  readonly type: string
  readonly format?: FeedColumn['format']
  value(random: () => number, row: number): string
}

const number = { kind: 'number', decimal: '.', group: '' } as const
const padded = (value: number, digits: number) => String(value).padStart(digits, '0')
const integer = (random: () => number, below: number) => Math.floor(random() * below)
const day = (random: () => number) => `2025-${padded(1 + integer(random, 12), 2)}-${padded(1 + integer(random, 28), 2)}`
const words = ['cordless', 'drill', 'steel', 'garden', 'hose', 'oak', 'table', 'lamp', 'blue', 'compact', 'pro', 'set']

const columns: readonly Column[] = [
  { name: 'order_id', type: 'long', format: number, value: (_, row) => String(10_000_000 + row) },
  { name: 'sku', type: 'string', value: random => `${padded(integer(random, 1e8), 8)}` },
  {
    name: 'product_name',
    type: 'string',
    value: random => Array.from({ length: 4 }, () => words[integer(random, words.length)]).join(' '),
  },
  { name: 'brand', type: 'string', value: random => `Brand ${integer(random, 500)}` },
  {
    name: 'price',
    type: 'decimal(12,2)',
    format: number,
    value: random => `${integer(random, 1e5)}.${padded(integer(random, 100), 2)}`,
  },
  { name: 'quantity', type: 'int', format: number, value: random => String(integer(random, 1000)) },
  { name: 'weight_kg', type: 'double', format: number, value: random => String(integer(random, 1e5) / 8) },
  {
    name: 'available',
    type: 'boolean',
    format: { kind: 'boolean', true: ['true'], false: ['false'] },
    value: random => String(random() < 0.7),
  },
  { name: 'listed_on', type: 'date', format: { kind: 'date', pattern: '%Y-%m-%d' }, value: day },
  {
    name: 'changed_at',
    type: 'timestamp',
    format: { kind: 'timestamp', pattern: '%Y-%m-%d %H:%M:%S' },
    value: random =>
      `${day(random)} ${padded(integer(random, 24), 2)}:${padded(integer(random, 60), 2)}:${padded(integer(random, 60), 2)}`,
  },
]

const rowsPerChunk = 5_000

export async function writeOrders(path: string, rows: number): Promise<WrittenCsv> {
  const random = seeded(20_260_101)
  const file = createWriteStream(path)
  await pipeline(Readable.from(chunks(random, rows)), file)
  return { path, name: basename(path), rows, sizeBytes: file.bytesWritten }
}

function* chunks(random: () => number, rows: number): Generator<string> {
  yield `${columns.map(({ name }) => name).join(',')}\n`
  for (let start = 0; start < rows; start += rowsPerChunk) {
    const lines: string[] = []
    for (let row = start; row < Math.min(rows, start + rowsPerChunk); row++)
      lines.push(columns.map(({ value }) => value(random, row)).join(','))
    yield `${lines.join('\n')}\n`
  }
}

export function ordersContract({ rows, sizeBytes, name }: WrittenCsv): FeedContract {
  return {
    vendor: 'bench',
    table: 'orders',
    version: 1,
    status: 'active',
    owner: 'bench',
    deliveryMode: 'delta',
    checks: [],
    createdAt: '2026-01-01T00:00:00.000Z',
    createdFrom: { deliveryId: 'd_000000000000000000000000', file: name },
    format: commaSeparated,
    nullTokens: [],
    columns: columns.map(({ name: column, type, format }) => ({
      name: column,
      sourceName: column,
      type,
      nullable: true,
      ...(format && { format }),
    })),
    keys: [],
    partitionCandidates: [],
    rowCount: rows,
    sizeBytes,
    quality: [],
    confidence: 1,
  }
}

const duckdbTypes: Readonly<Record<string, string>> = { long: 'BIGINT', string: 'VARCHAR' }

/** Text in, casts, nothing else: what is left of a load when everything it is careful about is taken away. */
export function bareSelect(path: string, more: string): string {
  const casts = columns.map(({ name, type }) => `CAST(${name} AS ${duckdbTypes[type] ?? type}) AS ${name}`)
  return `SELECT ${casts.join(', ')}, ${more} FROM read_csv('${path}', all_varchar = true, header = true, delim = ',', quote = '"', escape = '"')`
}

/** mulberry32: small, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
