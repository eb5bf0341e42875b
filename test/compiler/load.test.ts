import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LoadPlan } from '../../contracts/data/load-plan.ts'
import { compileLoad, compileLoadPlan } from '../../src/compiler/load-plan.ts'
import { bronzeTable, errorTable, reservedColumns } from '../../src/compiler/tables.ts'
import { column, contractOf, facts } from './contracts.ts'
import { literal, testEngine } from './engine.ts'

const engine = await testEngine()

const contract = contractOf([
  column('sku', 'string', { nullable: false, sourceName: 'SKU' }),
  column('title', 'string'),
  column('price', 'decimal(18,2)'),
  column('stock', 'long', { nullable: false }),
  column('listed', 'date', { format: { kind: 'date', pattern: '%d.%m.%Y' } }),
  column('colour', 'string', { retired: true }),
])
const texts = compileLoad(contract, facts)

interface Row {
  readonly values: readonly (string | null)[]
  readonly error?: string
}

const good: Row = { values: ['A1', 'Lamp', '1.5', '7', '31.12.2025'] }
const row = (values: Partial<Record<'sku' | 'title' | 'price' | 'stock' | 'listed', string | null>>): Row => ({
  values: ['sku', 'title', 'price', 'stock', 'listed'].map((name, index) => {
    const value = values[name as 'sku']
    return value === undefined ? good.values[index]! : value
  }),
})

async function give(rows: readonly Row[]): Promise<void> {
  const columns = 'sku, title, price, stock, listed'
  const given = rows.map(({ values, error }, index) => {
    const cells = error === undefined ? values.map(literal) : values.map(() => 'NULL')
    const fault = error === undefined ? 'NULL, NULL' : `${literal(error)}, 'The record has too few fields.'`
    return `(${[...cells, index + 1, index + 2, index * 10, literal(`raw ${index + 1}`), fault].join(', ')})`
  })
  await engine.run(
    `CREATE OR REPLACE TABLE source (sku VARCHAR, title VARCHAR, price VARCHAR, stock VARCHAR, listed VARCHAR, _record_number BIGINT, _line BIGINT, _byte_offset BIGINT, _raw VARCHAR, _error_code VARCHAR, _error_message VARCHAR)`,
  )
  if (given.length > 0)
    await engine.run(
      `INSERT INTO source (${columns}, _record_number, _line, _byte_offset, _raw, _error_code, _error_message) VALUES ${given.join(', ')}`,
    )
}

const errorsOf = async (rows: readonly Row[]) => {
  await give(rows)
  const found = await engine.rows(`${texts.rejected} ORDER BY record_number, column_name, error_code`)
  return found.map(({ record_number: record, column_name: name, error_code: code }) => [Number(record), name, code])
}

describe('the load of a delivery', () => {
  test('gives typed rows in the order of the table, with where they came from', async () => {
    await give([good, row({ title: null, price: '-0.05', listed: null })])
    expect(await engine.rows(texts.accepted)).toEqual([
      {
        sku: 'A1',
        title: 'Lamp',
        price: '1.50',
        stock: '7',
        listed: '2025-12-31',
        colour: null,
        vendor_name: 'acme',
        ingestion_date: '2026-01-31',
        _delivery_id: 'd_1',
        _run_id: 'r_1',
        _source_file: 'acme/products.csv',
        _ingested_at: '2026-01-31 12:00:00+00',
      },
      expect.objectContaining({ title: null, price: '-0.05', listed: null }),
    ])
    const described = await engine.rows(`DESCRIBE ${texts.accepted}`)
    expect(described.map(one => one['column_name'])).toEqual(bronzeTable(contract).columns.map(({ name }) => name))
    expect(described.map(one => one['column_type']).slice(0, 6)).toEqual([
      'VARCHAR',
      'VARCHAR',
      'DECIMAL(18,2)',
      'BIGINT',
      'DATE',
      'VARCHAR',
    ])
  })

  test('the fast way gives the same rows', async () => {
    await give([good, row({ title: null, price: ' 3 ', stock: '12 ' }), row({ title: ' two words ', price: 'N/A' })])
    expect(await engine.rows(texts.acceptedFast)).toEqual(await engine.rows(texts.accepted))
  })

  test('empty, blank and a null token, trimmed, are no value; other texts keep their spaces', async () => {
    await give(['', '   ', 'N/A', ' N/A ', 'N/A.', ' Lamp ', 'n/a'].map(title => row({ title })))
    const titles = (await engine.rows(texts.accepted)).map(one => one['title'])
    expect(titles).toEqual([null, null, null, null, 'N/A.', ' Lamp ', 'n/a'])
  })

  test('a null token that looks like a number is no value in a number column', async () => {
    const zeros = compileLoad(contractOf([column('stock', 'long')], { nullTokens: ['0', '999'] }), facts)
    await engine.run(
      `CREATE OR REPLACE TABLE source AS SELECT unnest(['0', '999', '9990', '12', '1']) AS stock, NULL::VARCHAR AS _error_code`,
    )
    const expected = [null, null, '9990', '12', '1'].map(stock => expect.objectContaining({ stock }))
    expect(await engine.rows(zeros.accepted)).toEqual(expected)
    expect(await engine.rows(zeros.acceptedFast)).toEqual(expected)
  })

  test.each<[string, Row, [string | null, string][]]>([
    ['leading zeros in a number', row({ stock: '007' }), [['stock', 'VALUE_NOT_LONG']]],
    ['one decimal too many', row({ price: '1.505' }), [['price', 'VALUE_NOT_DECIMAL']]],
    ['a day that does not exist', row({ listed: '31.02.2025' }), [['listed', 'VALUE_NOT_DATE']]],
    ['a required value missing', row({ sku: ' ' }), [['sku', 'VALUE_MISSING']]],
    [
      'three columns at once',
      row({ sku: null, price: 'x', stock: '' }),
      [
        ['price', 'VALUE_NOT_DECIMAL'],
        ['sku', 'VALUE_MISSING'],
        ['stock', 'VALUE_MISSING'],
      ],
    ],
    [
      'a record the reader could not take apart',
      { values: good.values, error: 'FIELDS_MISSING' },
      [[null, 'FIELDS_MISSING']],
    ],
  ])('%s: one error per column, and nothing else', async (_, bad, expected) => {
    expect(await errorsOf([good, bad])).toEqual(expected.map(([name, code]) => [2, name, code]))
    expect(await engine.rows(texts.accepted)).toHaveLength(1)
  })

  test('an error says where, what, why and whose', async () => {
    await give([good, row({ price: `${'9'.repeat(90)}x` })])
    expect(await engine.rows(texts.rejected)).toEqual([
      {
        delivery_id: 'd_1',
        run_id: 'r_1',
        trace_id: 't_1',
        vendor_name: 'acme',
        table_name: 'products',
        stage: 'bronze',
        rule_id: null,
        source_file: 'acme/products.csv',
        source_line: '3',
        byte_offset: '10',
        column_name: 'price',
        error_code: 'VALUE_NOT_DECIMAL',
        error_message: `"${'9'.repeat(80)}" in price is no decimal(18,2): expected at most 16 digits before and 2 after ".".`,
        raw_record: 'raw 2',
        contract_version: 3,
        owner: 'feeds-team',
        ingestion_date: '2026-01-31',
        ingested_at: '2026-01-31 12:00:00+00',
        record_number: '2',
      },
    ])
  })

  test('errors have the columns of the error table, in its order and types', async () => {
    await give([])
    const described = await engine.rows(`DESCRIBE ${texts.rejected}`)
    const types: Record<string, string> = {
      string: 'VARCHAR',
      long: 'BIGINT',
      int: 'INTEGER',
      date: 'DATE',
      timestamptz: 'TIMESTAMP WITH TIME ZONE',
    }
    expect(described.map(one => [one['column_name'], one['column_type']])).toEqual(
      errorTable.columns.map(({ name, type }) => [name, types[type]]),
    )
  })

  test('the fast way ends with the first misfit, and says which', async () => {
    await give([good, row({ stock: '0012' })])
    await expect(engine.rows(texts.acceptedFast)).rejects.toThrow('"0012" in stock is no long')
    await give([good, row({ sku: '' })])
    await expect(engine.rows(texts.acceptedFast)).rejects.toThrow('sku has no value')
  })

  test('whatever comes in: every record is loaded or in error, none is both', async () => {
    const cell = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom('A1', '7', '1.50', '31.12.2025', null, '', ' ', 'N/A', '007', '12,5', '-3'),
      },
      { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }).filter(text => !text.includes('\0')) },
    )
    const rows = fc.array(
      fc.record({
        values: fc.array(cell, { minLength: 5, maxLength: 5 }),
        error: fc.option(fc.constant('FIELDS_MISSING'), { nil: undefined, freq: 8 }),
      }),
      { maxLength: 30 },
    )
    await fc.assert(
      fc.asyncProperty(rows, async given => {
        await give(given as Row[])
        const [counted] = await engine.rows(
          `SELECT (SELECT count(*) FROM (${texts.accepted})) AS accepted, (SELECT count(DISTINCT record_number) FROM (${texts.rejected})) AS rejected`,
        )
        expect(Number(counted!['accepted']) + Number(counted!['rejected'])).toBe(given.length)
        // Both ways agree on every delivery: the fast one gives the same rows, or ends where the careful one finds errors.
        const fast = await engine.rows(texts.acceptedFast).catch(() => undefined)
        const structural = given.some(({ error }) => error !== undefined)
        if (!structural) expect(fast !== undefined).toBe(Number(counted!['rejected']) === 0)
      }),
      { numRuns: 40 },
    )
  })

  test('a contract of nullable texts has no error but those of the reader', async () => {
    const plain = compileLoad(contractOf([column('sku', 'string')]), facts)
    await give([good, { values: good.values, error: 'FIELDS_MISSING' }])
    expect(await engine.rows(plain.rejected)).toHaveLength(1)
    expect(await engine.rows(plain.accepted)).toHaveLength(1)
  })
})

describe('the plan', () => {
  const choice = { engine: 'duckdb' as const, reason: 'small', estimatedRows: 12 }

  test('fits its schema, and the same inputs give the same bytes', () => {
    const plan = compileLoadPlan(contract, facts, choice)
    expect(LoadPlan.parse(plan)).toEqual(plan)
    expect(JSON.stringify(compileLoadPlan(structuredClone(contract), { ...facts }, choice))).toBe(JSON.stringify(plan))
    expect(plan.columns.filter(({ required }) => required).map(({ name }) => name)).toEqual([
      'sku',
      'stock',
      'vendor_name',
      'ingestion_date',
      '_delivery_id',
      '_run_id',
      '_source_file',
      '_ingested_at',
    ])
  })

  test.each(reservedColumns.map(name => [name]))('a column that is called %s as the table’s own is refused', name => {
    expect(() => bronzeTable(contractOf([column(name, 'string')]))).toThrow(
      expect.objectContaining({ code: 'DOCUMENT_INVALID', owner: 'feeds-team' }),
    )
  })

  test('two columns of one name are refused', () => {
    expect(() => bronzeTable(contractOf([column('a', 'string'), column('a', 'long')]))).toThrow(
      'Column a of acme/products is taken',
    )
  })

  test('no name or definition leaves its comment or its literal', async () => {
    const hostile = contractOf(
      [column('a', 'string', { sourceName: `x\n; DROP TABLE source; --`, description: "it's\u2028 */ $$" })],
      { owner: "o'brien", vendor: 'acme' },
    )
    await give([good])
    await engine.run(
      `CREATE OR REPLACE TABLE source AS SELECT 'v' AS a, 1 AS _record_number, 1 AS _line, 1 AS _byte_offset, '' AS _raw, NULL::VARCHAR AS _error_code, NULL::VARCHAR AS _error_message`,
    )
    const { accepted, rejected } = compileLoad(hostile, { ...facts, file: "o'file\n.csv" })
    expect(await engine.rows(accepted)).toMatchObject([{ a: 'v', _source_file: "o'file\n.csv" }])
    expect(await engine.rows(rejected)).toEqual([])
    expect(accepted.split('\n').filter(line => line.includes('DROP'))).toEqual([])
  })

  test('reads like this', () => {
    const two = contractOf([column('sku', 'string', { nullable: false, sourceName: 'SKU' }), column('stock', 'long')], {
      nullTokens: [],
    })
    expect(compileLoad(two, facts).accepted).toBe(`-- Accepted records of acme/products for product_raw.acme_products
-- Contract acme/products version 3, owner feeds-team
-- Generated: change the documents named above, never this text.
WITH given AS (
  SELECT
    _error_code,
    CASE WHEN "sku" < '!' THEN CASE WHEN trim("sku") = '' THEN NULL ELSE "sku" END ELSE "sku" END AS "sku",
    CASE WHEN "stock" >= '0' AND "stock" < ':' AND NOT suffix("stock", ' ') THEN "stock" WHEN trim("stock") = '' THEN NULL ELSE trim("stock") END AS "stock"
  FROM source
), fitted AS (
  SELECT
    *,
    CASE WHEN CAST(TRY_CAST("stock" AS BIGINT) AS VARCHAR) = "stock" THEN TRY_CAST("stock" AS BIGINT) WHEN regexp_full_match("stock", '-?(0|[1-9][0-9]*)[.]?') AND TRY_CAST("stock" AS BIGINT) IS NOT NULL THEN TRY_CAST("stock" AS BIGINT) END AS "stock as long"
  FROM given
)
SELECT
  -- sku string: source column SKU
  "sku" AS "sku",
  -- stock long: source column stock
  "stock as long" AS "stock",
  'acme' AS vendor_name,
  DATE '2026-01-31' AS ingestion_date,
  'd_1' AS _delivery_id,
  'r_1' AS _run_id,
  'acme/products.csv' AS _source_file,
  TIMESTAMPTZ '2026-01-31T12:00:00Z' AS _ingested_at
FROM fitted
WHERE _error_code IS NULL
  AND "sku" IS NOT NULL
  AND ("stock" IS NULL OR "stock as long" IS NOT NULL)`)
  })
})
