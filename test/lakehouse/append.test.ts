import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { writeKeyProperty } from '../../src/lakehouse/lakehouse.ts'
import { expectFailure, itemColumns, itemRows, items, lakeWithItems, openedLake, stocks } from './harness.ts'

describe('append', () => {
  test('rows arrive in one snapshot that carries the write key, the summary and the standard counts', async () => {
    const { lake } = await lakeWithItems()
    const select = itemRows({ a: 1, b: 2 })
    const done = await lake.append(items, { select, writeKey: 'w1', summary: { 'aiworkflow.run-id': 'run-1' } })
    expect(done).toMatchObject({
      addedRows: 2,
      alreadyDone: false,
      files: [expect.stringMatching(/^file:\/\/\/.*vendor=acme/)],
    })
    const [snapshot] = await lake.history(items)
    expect(snapshot).toMatchObject({ snapshotId: done.snapshotId, operation: 'append', parentId: undefined })
    expect(snapshot?.summary).toMatchObject({
      [writeKeyProperty]: 'w1',
      'aiworkflow.run-id': 'run-1',
      'added-records': '2',
      'total-records': '2',
      'total-data-files': '1',
    })
    expect(await stocks(lake)).toEqual({ a: 1, b: 2 })
  })

  test('the same write key a second time writes nothing and answers with the first snapshot', async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    const first = await lake.append(items, { select: itemRows({ a: 1 }), writeKey: 'w1' })
    const again = await lake.append(items, { select: itemRows({ b: 2 }), writeKey: 'w1' })
    expect(again).toEqual({ snapshotId: first.snapshotId, addedRows: 1, files: [], alreadyDone: true })
    expect(await stocks(lake)).toEqual({ a: 1 })
    expect(await lake.findWrite(items, 'w1')).toMatchObject({ snapshotId: first.snapshotId })
    expect(await lake.findWrite(items, 'w2')).toBeUndefined()
    expect(parquetFiles(warehouseDir)).toHaveLength(1)
  })

  test('no rows: a snapshot without files says that the write is done', async () => {
    const { lake } = await lakeWithItems()
    expect(await lake.append(items, { select: itemRows({}), writeKey: 'w1' })).toMatchObject({
      addedRows: 0,
      files: [],
    })
    expect(await lake.append(items, { select: itemRows({}), writeKey: 'w1' })).toMatchObject({ alreadyDone: true })
    expect(await lake.history(items)).toHaveLength(1)
    expect(await stocks(lake)).toEqual({})
  })

  test('rows of several partitions are split, null and odd values included, and stay whole', async () => {
    const { lake } = openedLake()
    await lake.createTable(items, {
      columns: [
        { name: 'sku', type: 'string', required: true },
        { name: 'region', type: 'string', required: false },
        { name: 'day', type: 'date', required: false },
      ],
      partition: [
        { column: 'region', transform: 'identity' },
        { column: 'day', transform: 'month' },
      ],
    })
    const select = `SELECT 's' || n AS sku, ['a/b', 'ä=%', '', NULL][n % 4 + 1] AS region,
      DATE '1969-12-15' + (n % 3 * 30)::INTEGER AS "day" FROM range(24) AS t(n)`
    const { files } = await lake.append(items, { select, writeKey: 'w1' })
    expect(files).toHaveLength(12)
    expect(await lake.append(items, { select: `SELECT 'x' AS sku`, writeKey: 'w2' })).toMatchObject({
      files: [expect.stringMatching(/region=null\/day_month=null/)],
    })
    const counts = await lake.query(
      `SELECT region, count(*), count(DISTINCT sku), min("day") FROM acme_items GROUP BY 1 ORDER BY 1 NULLS LAST`,
    )
    expect(counts.rows).toEqual([
      ['', 6, 6, '1969-12-15'],
      ['a/b', 6, 6, '1969-12-15'],
      ['ä=%', 6, 6, '1969-12-15'],
      [null, 7, 7, '1969-12-15'],
    ])
  })

  test('temporary tables made by prepare are there for the select, and for no other write', async () => {
    const { lake } = await lakeWithItems()
    await lake.append(items, {
      prepare: async connection => void (await connection.run(`CREATE TEMP TABLE fed AS ${itemRows({ a: 1 })}`)),
      select: 'FROM fed',
      writeKey: 'w1',
    })
    expect(await stocks(lake)).toEqual({ a: 1 })
    await expectFailure(lake.append(items, { select: 'FROM fed', writeKey: 'w2' }), 'TABLE_MISSING')
  })

  test('two writes on one connection share what it holds', async () => {
    const { lake } = await lakeWithItems()
    await lake.withConnection(async connection => {
      await connection.run(`CREATE TEMP TABLE fed AS ${itemRows({ a: 1, b: 2 })}`)
      await lake.append(items, { connection, select: 'FROM fed WHERE stock = 1', writeKey: 'w1' })
      for (const [writeKey, stock] of [
        ['w2', 10],
        ['w3', 20],
      ] as const) {
        const rows = `SELECT * REPLACE (stock * ${stock} AS stock) FROM fed`
        await lake.stage(items, { connection, branch: writeKey, rows, keyColumns: ['sku'], writeKey })
        await lake.publish(items, { branch: writeKey, writeKey })
      }
    })
    expect(await stocks(lake)).toEqual({ a: 20, b: 40 })
  })

  test('rows keep the order of the select', async () => {
    const { lake } = await lakeWithItems()
    const select = `SELECT 'sku' || hash(n) AS sku, n AS stock, 'acme' AS vendor FROM range(300000) AS t(n)`
    await lake.append(items, { select, writeKey: 'w1' })
    const moved = await lake.query(
      'SELECT count(*) FROM (SELECT stock, row_number() OVER () - 1 AS n FROM acme_items) WHERE stock <> n',
    )
    expect(moved.rows).toEqual([[0]])
  })

  test.each([
    ['a column the table lacks', `SELECT 'a' AS sku, 'v' AS vendor, 1 AS extra`, /no column "extra"/],
    ['a required column is missing', `SELECT 'a' AS sku`, /no column "vendor"/],
    ['a required value is missing', `SELECT NULL::VARCHAR AS sku, 'v' AS vendor`, /1 of 1 rows lack "sku"/],
    ['a value would have to be guessed', `SELECT 'a' AS sku, '7' AS stock, 'v' AS vendor`, /"stock" is VARCHAR/],
    ['a value would be rounded', `SELECT 'a' AS sku, 1.5::DOUBLE AS stock, 'v' AS vendor`, /"stock" is DOUBLE/],
  ])('%s: refused, and nothing is written', async (_case, select, message) => {
    const { lake, warehouseDir } = await lakeWithItems()
    await expectFailure(lake.append(items, { select, writeKey: 'w1' }), 'TABLE_INCOMPATIBLE', message)
    expect(await lake.history(items)).toEqual([])
    expect(parquetFiles(warehouseDir)).toEqual([])
  })

  test('a select that fails halfway leaves no snapshot and no file', async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    const select = `SELECT (CASE WHEN n = 400000 THEN 'x' ELSE '1' END)::BIGINT AS stock, 'a' AS sku, 'v' AS vendor FROM range(500000) AS t(n)`
    await expectFailure(lake.append(items, { select, writeKey: 'w1' }), 'QUERY_FAILED', /Conversion/)
    expect(await lake.history(items)).toEqual([])
    expect(parquetFiles(warehouseDir)).toEqual([])
  })

  test('an unknown table and an unknown branch are named as such', async () => {
    const { lake } = await lakeWithItems()
    const other = { namespace: 'product_raw', name: 'other' }
    await expectFailure(lake.append(other, { select: 'SELECT 1', writeKey: 'w1' }), 'TABLE_MISSING')
    await expectFailure(lake.append(items, { select: itemRows({}), writeKey: 'w1', branch: 'b' }), 'BRANCH_MISSING')
  })

  test('old metadata goes after the number of versions the table keeps, and every snapshot stays', async () => {
    const { lake, warehouseDir } = openedLake()
    await lake.createTable(items, { columns: itemColumns, properties: { 'write.metadata.previous-versions-max': '3' } })
    for (let n = 0; n < 8; n++) await lake.append(items, { select: itemRows({ [`s${n}`]: n }), writeKey: `w${n}` })
    const files = readdirSync(join(warehouseDir, 'product_raw/acme_items/metadata')).filter(name =>
      name.endsWith('.json'),
    )
    expect(files).toHaveLength(4)
    const newest = files.sort().at(-1) ?? ''
    const metadata = JSON.parse(readFileSync(join(warehouseDir, 'product_raw/acme_items/metadata', newest), 'utf8'))
    expect(metadata['metadata-log']).toHaveLength(3)
    expect(newest).toMatch(/^00008-/)
    expect(await lake.history(items)).toHaveLength(8)
  })
})

function parquetFiles(warehouseDir: string): string[] {
  return readdirSync(warehouseDir, { recursive: true })
    .map(String)
    .filter(name => name.endsWith('.parquet'))
}
