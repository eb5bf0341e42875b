/** Feed contracts for the tests: one to write a case with, and all there could be. */
import fc from 'fast-check'
import { FeedColumn, FeedContract, type ValueFormat } from '../../contracts/data/feed-contract.ts'

export const column = (name: string, type: string, more: Partial<FeedColumn> = {}): FeedColumn =>
  FeedColumn.parse({ name, sourceName: name, type, nullable: true, ...more })

export const contractOf = (columns: FeedColumn[], more: Partial<FeedContract> = {}): FeedContract =>
  FeedContract.parse({
    vendor: 'acme',
    table: 'products',
    version: 3,
    status: 'active',
    owner: 'feeds-team',
    deliveryMode: 'full',
    format: {
      kind: 'delimited',
      encoding: 'utf-8',
      compression: 'none',
      delimiter: ';',
      quote: '"',
      escape: '"',
      lineTerminator: 'lf',
      preambleLines: 0,
      headerRows: 1,
      trailerLines: 0,
    },
    nullTokens: ['N/A'],
    columns,
    keys: [],
    partitionCandidates: [],
    rowCount: null,
    sizeBytes: 0,
    quality: [],
    confidence: 1,
    checks: [],
    createdAt: '2026-01-01T00:00:00Z',
    ...more,
  })

export const facts = {
  deliveryId: 'd_1',
  runId: 'r_1',
  traceId: 't_1',
  writeKey: 'w_1',
  file: 'acme/products.csv',
  ingestionDate: '2026-01-31',
  ingestedAt: '2026-01-31T12:00:00Z',
}

const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,12}$/)
const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

export const anyFormat: fc.Arbitrary<ValueFormat> = fc.oneof(
  fc.constantFrom<ValueFormat>(
    { kind: 'number', decimal: ',', group: '.' },
    { kind: 'number', decimal: '.', group: "'" },
    { kind: 'date', pattern: '%d.%m.%Y' },
    { kind: 'timestamp', pattern: '%Y-%m-%d %H:%M' },
  ),
  fc.record({
    kind: fc.constant('boolean' as const),
    true: fc.array(text, { minLength: 1, maxLength: 2 }),
    false: fc.array(text, { minLength: 1, maxLength: 2 }),
  }),
)

const fraction = fc.double({ min: 0, max: 1, noNaN: true }).map(share => share + 0)
const count = fc.nat(1_000_000)

const anyColumn = (columnName: string): fc.Arbitrary<FeedColumn> =>
  fc
    .record({
      name: fc.constant(columnName),
      sourceName: text,
      sourcePath: optional(fc.array(text, { maxLength: 3 })),
      type: fc.constantFrom(
        'string',
        'boolean',
        'int',
        'long',
        'double',
        'date',
        'timestamp',
        'timestamptz',
        'decimal(18,4)',
      ),
      nullable: fc.boolean(),
      format: optional(anyFormat),
      semantic: optional(text),
      description: optional(text),
      retired: optional(fc.boolean()),
      quality: optional(
        fc.record({
          nullFraction: fraction,
          distinct: count,
          minLength: count,
          maxLength: count,
          fit: fraction,
          samples: fc.array(text, { maxLength: 8 }),
        }),
      ),
    })
    .map(withoutUndefined) as fc.Arbitrary<FeedColumn>

const withoutUndefined = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined))

export const anyContract: fc.Arbitrary<FeedContract> = fc
  .uniqueArray(name, { minLength: 1, maxLength: 5 })
  .chain(names =>
    fc.record({
      vendor: name,
      table: name,
      version: fc.integer({ min: 1, max: 99 }),
      status: fc.constantFrom('active', 'proposed', 'retired'),
      owner: fc.string({ minLength: 1, maxLength: 20 }),
      deliveryMode: fc.constantFrom('full', 'delta'),
      format: fc.constantFrom<FeedContract['format']>(
        contractOf([column('a', 'string')]).format,
        { kind: 'ndjson', encoding: 'utf-8', compression: 'gzip' },
        { kind: 'json', encoding: 'utf-16le', compression: 'none', recordPath: ['products', 'items.all'] },
      ),
      nullTokens: fc.array(text, { maxLength: 3 }),
      columns: fc.tuple(...names.map(anyColumn)),
      keys: fc.array(
        fc.record({
          kind: fc.constantFrom('primary', 'natural'),
          columns: fc.subarray(names, { minLength: 1 }),
          evidence: text,
          confidence: fraction,
        }),
        { maxLength: 2 },
      ),
      partitionCandidates: fc.array(
        fc.record({
          column: fc.constantFrom(...names),
          transform: fc.constantFrom('identity', 'day', 'month', 'year'),
          reason: text,
        }),
        { maxLength: 2 },
      ),
      rowCount: fc.option(count),
      sizeBytes: count,
      quality: fc.array(fc.record({ code: text, message: text }), { maxLength: 2 }),
      confidence: fraction,
      checks: fc.array(
        fc
          .record({
            id: text,
            expression: text,
            severity: fc.constantFrom('warn', 'refuse'),
            message: text,
            owner: optional(fc.string({ minLength: 1 })),
          })
          .map(withoutUndefined),
        { maxLength: 2 },
      ),
      createdAt: fc.constant('2026-01-01T00:00:00Z'),
    }),
  )
  .map(contract => FeedContract.parse(contract))
