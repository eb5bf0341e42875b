import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { expectFailure, itemRows, items, lakeWithItems, openedLake } from './harness.ts'

describe('query', () => {
  test('SHOW TABLES, DESCRIBE, SUMMARIZE, WITH and information_schema all work', async () => {
    const { lake } = await lakeWithItems()
    await lake.append(items, { select: itemRows({ a: 1, b: 2 }), writeKey: 'w1' })
    expect((await lake.query('show tables;')).rows).toEqual([['product_raw', 'acme_items']])
    expect((await lake.query('DESCRIBE product_raw.acme_items')).rows.map(row => row[0])).toEqual([
      'sku',
      'stock',
      'vendor',
    ])
    expect((await lake.query('SUMMARIZE acme_items')).rows).toHaveLength(3)
    expect((await lake.query('WITH x AS (SELECT sum(stock) AS s FROM ACME_ITEMS) SELECT s FROM x')).rows).toEqual([[3]])
    expect((await lake.query('SELECT count(*) FROM information_schema.columns')).rows).toEqual([[3]])
  })

  test('a warehouse that cannot be written to is a setting to mend, not a fault of the program', async () => {
    const { lake, warehouseDir } = openedLake()
    writeFileSync(join(warehouseDir, '.scratch'), 'a file where a folder has to be')
    await expectFailure(lake.query('SELECT 1'), 'SETTING_INVALID', /warehouse .* cannot be written to/)
    rmSync(join(warehouseDir, '.scratch'))
    expect((await lake.query('SELECT 1')).rows).toEqual([[1]])
  })

  test('values come out as JSON that loses nothing', async () => {
    const { lake } = openedLake()
    const { columns, rows } =
      await lake.query(`SELECT 9007199254740993 AS big, 9007199254740991 AS safe, -12345678901234567890.50::DECIMAL(38, 2) AS dec,
      DATE '2026-11-24' AS d, TIMESTAMP '2026-11-24 02:30:00.5' AS ts, TIMESTAMPTZ '2026-11-24 02:30:00+02' AS tz,
      TIMESTAMP '1969-12-31 23:59:59.999999' AS before, 'infinity'::TIMESTAMP AS never, 'nan'::DOUBLE AS nan, 0.1 AS tenth,
      NULL AS nothing, true AS yes, [1, 2] AS list, {'a': 1::BIGINT} AS struct, MAP {'k': 1} AS map, 'x'::BLOB AS blob`)
    expect(columns.slice(0, 3)).toEqual([
      { name: 'big', type: 'BIGINT' },
      { name: 'safe', type: 'BIGINT' },
      { name: 'dec', type: 'DECIMAL(38,2)' },
    ])
    expect(rows).toEqual([
      [
        '9007199254740993',
        9007199254740991,
        '-12345678901234567890.50',
        '2026-11-24',
        '2026-11-24T02:30:00.5',
        '2026-11-24T00:30:00Z',
        '1969-12-31T23:59:59.999999',
        'infinity',
        'NaN',
        '0.1',
        null,
        true,
        [1, 2],
        { a: 1 },
        [{ key: 'k', value: 1 }],
        'x',
      ],
    ])
    expect(JSON.parse(JSON.stringify(rows))).toEqual(rows)
  })

  test('a branch is read where a table has it, and main elsewhere', async () => {
    const { lake } = await lakeWithItems()
    const other = { namespace: 'product_core', name: 'other' }
    await lake.createTable(other, { columns: [{ name: 'n', type: 'int', required: false }] })
    await lake.append(other, { select: 'SELECT 7 AS n', writeKey: 'w1' })
    await lake.stage(items, { branch: 'b', rows: itemRows({ a: 1 }), keyColumns: ['sku'], writeKey: 'w1' })
    const sql = 'SELECT (SELECT count(*) FROM acme_items), n FROM other'
    expect((await lake.query(sql)).rows).toEqual([[0, 7]])
    expect((await lake.query(sql, { branch: 'b' })).rows).toEqual([[1, 7]])
  })

  test('a relation with positions says where each row lies, which orders rows as they were written', async () => {
    const { lake } = await lakeWithItems()
    await lake.append(items, { select: itemRows({ z: 1, a: 2, m: 3 }), writeKey: 'w1' })
    const relation = await lake.relation(items, { positions: true })
    const rows = await lake.withConnection(async connection =>
      (
        await connection.runAndReadAll(`SELECT sku, __position::INT FROM ${relation} ORDER BY __path, __position`)
      ).getRows(),
    )
    expect(rows).toEqual([
      ['z', 0],
      ['a', 1],
      ['m', 2],
    ])
  })

  test('more rows than the limit are cut, and the answer says so', async () => {
    const { lake } = openedLake()
    expect(await lake.query('FROM range(10000)', { limit: 3 })).toMatchObject({
      rows: [[0], [1], [2]],
      truncated: true,
    })
    expect(await lake.query('FROM range(3)', { limit: 3 })).toMatchObject({ rows: [[0], [1], [2]], truncated: false })
  })

  test.each([
    ['two statements', 'SELECT 1; SELECT 2'],
    ['no statement', ''],
    ['a write', 'CREATE TABLE x (a INT)'],
    ['a hidden write', 'INSERT INTO acme_items SELECT 1'],
    ['a copy to a file', `COPY (SELECT 1) TO 'x.csv'`],
    ['a setting', 'SET threads = 1'],
    ['an attachment', `ATTACH 'x.db'`],
    ['an extension', 'INSTALL httpfs'],
    ['a file by function', `SELECT * FROM read_csv('/etc/passwd')`],
    ['a file by function in a subquery', `SELECT (SELECT count(*) FROM read_text('/etc/passwd'))`],
    ['a file by name', `SELECT * FROM '/etc/passwd'`],
    ['a file by name in a WITH', `WITH x AS (SELECT * FROM 'a.parquet') SELECT * FROM x`],
    ['SQL in a text', `SELECT * FROM query('SELECT 1')`],
    ['a listing of files', `SELECT * FROM glob('/*')`],
  ])('%s is refused', async (_case, sql) => {
    const { lake } = await lakeWithItems()
    await expectFailure(lake.query(sql), 'QUERY_REFUSED')
  })

  test('a statement that cannot be parsed or run, and a table that is not there, are named as such', async () => {
    const { lake } = await lakeWithItems()
    await expectFailure(lake.query('SELEC 1'), 'QUERY_FAILED', /syntax error/)
    await expectFailure(lake.query('SELECT nothing FROM acme_items'), 'QUERY_FAILED', /nothing/)
    await expectFailure(lake.query(`SELECT 'x'::INT`), 'QUERY_FAILED', /convert/)
    await expectFailure(lake.query('SELECT * FROM product_raw.other'), 'TABLE_MISSING', /other/)
  })
})
