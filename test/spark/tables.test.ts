/** Spark, which shares no code with us, opens the same catalog: it must read what we write, and we what it writes. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Lakehouse } from '../../src/lakehouse/lakehouse.ts'
import { itemColumns, itemRows, items, lakeWithItems, openedLake, stocks } from '../lakehouse/harness.ts'
import { bucketOf } from '../lakehouse/store.ts'
import { startS3 } from '../rig/s3.ts'
import { openSpark, type SparkSession } from './session.ts'

const startLimitMs = 180_000
let spark: SparkSession

beforeAll(async () => {
  spark = await openSpark()
}, startLimitMs)
afterAll(() => spark?.close())

const byStock = 'SELECT sku, stock, vendor FROM product_raw.acme_items'

async function filledLake(): Promise<{ lake: Lakehouse; warehouseDir: string }> {
  const opened = await lakeWithItems()
  await opened.lake.append(items, { select: itemRows({ a: 1, b: 2 }), writeKey: 'w1' })
  const select = `${itemRows({ c: 3 }, 'bolt')} UNION ALL ${itemRows({ d: 4 }, 'ä/ü')}`
  await opened.lake.append(items, { select, writeKey: 'w2' })
  await spark.open(opened.warehouseDir)
  return opened
}

describe('Spark', { timeout: startLimitMs }, () => {
  test('lists, reads, filters by partition and reads an old snapshot of what we wrote', async () => {
    const { lake } = await filledLake()
    expect(await spark.rows('SHOW TABLES IN product_raw')).toEqual([['product_raw', 'acme_items', false]])
    expect(await spark.rows(`${byStock} ORDER BY sku`)).toEqual([
      ['a', '1', 'acme'],
      ['b', '2', 'acme'],
      ['c', '3', 'bolt'],
      ['d', '4', 'ä/ü'],
    ])
    expect(await spark.rows(`${byStock} WHERE vendor = 'ä/ü'`)).toEqual([['d', '4', 'ä/ü']])
    const [, first] = await lake.history(items)
    expect(await spark.rows(`${byStock} VERSION AS OF ${first?.snapshotId} ORDER BY sku`)).toEqual([
      ['a', '1', 'acme'],
      ['b', '2', 'acme'],
    ])
    const keys = `SELECT summary['aiworkflow.write-key'] FROM product_raw.acme_items.snapshots ORDER BY committed_at`
    expect(await spark.rows(keys)).toEqual([['w1'], ['w2']])
  })

  test('reads row deletes, a column that was added, and a branch that is not published', async () => {
    const { lake } = await filledLake()
    await lake.addColumns(items, [{ name: 'colour', type: 'string', required: false }])
    await lake.stage(items, { branch: 'staged', rows: itemRows({ a: 10, e: 5 }), keyColumns: ['sku'], writeKey: 'w3' })
    const staged = `SELECT sku, stock, colour FROM product_raw.acme_items VERSION AS OF 'staged' WHERE vendor = 'acme' ORDER BY sku`
    expect(await spark.rows(staged)).toEqual([
      ['a', '10', null],
      ['b', '2', null],
      ['e', '5', null],
    ])
    expect(await spark.rows(`SELECT stock FROM product_raw.acme_items WHERE sku = 'a'`)).toEqual([['1']])
    await lake.publish(items, { branch: 'staged', writeKey: 'w3' })
    expect(await spark.rows(`SELECT stock FROM product_raw.acme_items WHERE sku = 'a'`)).toEqual([['10']])
  })

  test('appends; then we read it, find its write key and append after it', async () => {
    const { lake } = await filledLake()
    await spark.run(
      `spark.sql("SELECT 'spark' AS sku, 7L AS stock, 'fire' AS vendor").writeTo("product_raw.acme_items")` +
        `.option("snapshot-property.aiworkflow.write-key", names_key).append()`,
      { names_key: 'w3' },
    )
    expect(await stocks(lake)).toEqual({ a: 1, b: 2, c: 3, d: 4, spark: 7 })
    expect(await lake.append(items, { select: itemRows({ spark: 7 }), writeKey: 'w3' })).toMatchObject({
      alreadyDone: true,
    })
    await lake.stage(items, {
      branch: 'staged',
      rows: itemRows({ spark: 8 }, 'fire'),
      keyColumns: ['sku'],
      writeKey: 'w4',
    })
    await lake.publish(items, { branch: 'staged', writeKey: 'w4' })
    expect(await stocks(lake)).toEqual({ a: 1, b: 2, c: 3, d: 4, spark: 8 })
    expect(await spark.rows(`SELECT stock FROM product_raw.acme_items WHERE vendor = 'fire'`)).toEqual([['8']])
  })

  test('does the same in a store: reads us with row deletes and as it was, appends, and is read and added to', async () => {
    const s3 = await startS3()
    onTestFinished(() => s3.stop())
    const store = await bucketOf(s3, 'lake')
    const { lake, warehouseDir } = openedLake(undefined, store)
    await lake.createTable(items, { columns: itemColumns, partition: [{ column: 'vendor', transform: 'identity' }] })
    const { snapshotId } = await lake.append(items, { select: itemRows({ a: 1, b: 2 }), writeKey: 'w1' })
    const write = { branch: 'staged', rows: itemRows({ a: 10 }), keyColumns: ['sku'], writeKey: 'w2' }
    await lake.stage(items, write)
    await lake.publish(items, write)
    await spark.open({ catalog: warehouseDir, store })
    expect(
      await spark.rows(`SELECT sku, stock FROM product_raw.acme_items WHERE vendor = 'acme' ORDER BY sku`),
    ).toEqual([
      ['a', '10'],
      ['b', '2'],
    ])
    expect(await spark.rows(`SELECT count(*) FROM product_raw.acme_items VERSION AS OF ${snapshotId}`)).toEqual([['2']])
    await spark.rows(`INSERT INTO product_raw.acme_items VALUES ('spark', 7, 'a*b /ü')`)
    expect(await stocks(lake)).toEqual({ a: 10, b: 2, spark: 7 })
    await lake.append(items, { select: itemRows({ c: 3 }), writeKey: 'w3' })
    expect(await spark.rows('SELECT count(*) FROM product_raw.acme_items')).toEqual([['4']])
  })

  test('makes a table; we list it, read it and append to it', async () => {
    const { lake, warehouseDir } = openedLake()
    await spark.open(warehouseDir)
    await spark.rows('CREATE NAMESPACE IF NOT EXISTS product_raw')
    await spark.rows(
      'CREATE TABLE product_raw.acme_items (sku string NOT NULL, stock bigint, vendor string NOT NULL) USING iceberg PARTITIONED BY (vendor)',
    )
    await spark.rows(`INSERT INTO product_raw.acme_items VALUES ('a', 1, 'acme')`)
    expect(await lake.listTables()).toEqual([items])
    await lake.append(items, { select: itemRows({ b: 2 }), writeKey: 'w1' })
    expect(await stocks(lake)).toEqual({ a: 1, b: 2 })
    expect(await spark.rows(`${byStock} ORDER BY sku`)).toEqual([
      ['a', '1', 'acme'],
      ['b', '2', 'acme'],
    ])
  })
})
