/** Spark, which shares no code with us, opens the same catalogs: it must read what we write, and we what it writes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { SparkCatalog } from '../../src/lakehouse/engine/spark/catalog-configuration.ts'
import { type Lakehouse, openLakehouse } from '../../src/lakehouse/lakehouse.ts'
import { itemColumns, itemRows, items, stocks } from '../lakehouse/harness.ts'
import { bucketOf, type Store } from '../lakehouse/store.ts'
import { linesOf, replacer, writer } from '../lakehouse/writers.ts'
import { type RigRestCatalog, startRestCatalog } from '../rig/iceberg-rest.ts'
import { type RigS3, startS3 } from '../rig/s3.ts'
import { openSpark, type SparkSession } from './session.ts'

const startLimitMs = 180_000
let spark: SparkSession
let server: RigRestCatalog
let s3: RigS3
let store: Store

beforeAll(async () => {
  ;[spark, server, s3] = await Promise.all([openSpark(), startRestCatalog(), startS3()])
  store = await bucketOf(s3, 'lake')
}, startLimitMs)
afterAll(async () => {
  await spark?.close()
  await server?.stop()
  await s3?.stop()
})

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

type Place = Omit<SparkCatalog, 'name' | 'store'> & { readonly store?: Store }
const places: readonly (readonly [string, (warehouseDir: string) => Place])[] = [
  ['the catalog of a warehouse', warehouseDir => ({ warehouseDir })],
  ['the catalog of a warehouse whose files are in a store', warehouseDir => ({ warehouseDir, store })],
  ['an Iceberg REST catalog', warehouseDir => ({ warehouseDir, rest: { url: server.url } })],
]

const byStock = 'SELECT sku, stock, vendor FROM product_raw.acme_items'

describe.each(places)('Spark on %s', { timeout: startLimitMs }, (_, placeOf) => {
  async function openedLake(): Promise<{ lake: Lakehouse; place: Place }> {
    const folder = mkdtempSync(join(tmpdir(), 'aiworkflow-spark-'))
    const place = placeOf(join(folder, 'warehouse'))
    const lake = openLakehouse({ ...place, memoryLimit: '512MB' })
    closers.push(async () => {
      await lake.close()
      // The server outlives the test.
      await spark.rows('DROP TABLE IF EXISTS product_raw.acme_items')
      rmSync(folder, { recursive: true, force: true })
    })
    await spark.open(place)
    return { lake, place }
  }

  async function lakeWithItems() {
    const opened = await openedLake()
    const partition = [{ column: 'vendor', transform: 'identity' }]
    await opened.lake.createTable(items, { columns: itemColumns, partition })
    return opened
  }

  async function filledLake() {
    const opened = await lakeWithItems()
    await opened.lake.append(items, { select: itemRows({ a: 1, b: 2 }), writeKey: 'w1' })
    const select = `${itemRows({ c: 3 }, 'bolt')} UNION ALL ${itemRows({ d: 4 }, 'ä/ü')}`
    await opened.lake.append(items, { select, writeKey: 'w2' })
    return opened
  }

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
    const write = { branch: 'staged', writeKey: 'w4' }
    await lake.stage(items, { ...write, rows: itemRows({ spark: 8 }, 'fire'), keyColumns: ['sku'] })
    await lake.publish(items, write)
    expect(await stocks(lake)).toEqual({ a: 1, b: 2, c: 3, d: 4, spark: 8 })
    expect(await spark.rows(`SELECT stock FROM product_raw.acme_items WHERE vendor = 'fire'`)).toEqual([['8']])
  })

  test('appends to a branch; we take it over once, though main has moved, and with what it said that it wrote', async () => {
    const { lake } = await filledLake()
    await spark.rows('ALTER TABLE product_raw.acme_items CREATE BRANCH load_r1')
    await spark.rows(`INSERT INTO product_raw.acme_items.branch_load_r1 VALUES ('spark', 7, 'fire'), ('s2', 8, 'acme')`)
    await lake.append(items, { select: itemRows({ e: 5 }), writeKey: 'w3' })
    const adopt = { branch: 'load_r1', writeKey: 'w4', summary: { note: 'by spark' }, rows: 2 }
    await expect(lake.adopt(items, { ...adopt, rows: 3 })).rejects.toMatchObject({ code: 'RECONCILIATION_FAILED' })
    const taken = await lake.adopt(items, adopt)
    expect(taken).toMatchObject({ addedRows: 2, alreadyDone: false })
    expect(await lake.adopt(items, adopt)).toEqual({ ...taken, alreadyDone: true })
    expect(await stocks(lake)).toEqual({ a: 1, b: 2, c: 3, d: 4, e: 5, spark: 7, s2: 8 })
    expect((await lake.history(items))[0]?.summary).toMatchObject({ note: 'by spark', 'total-records': '7' })
    expect((await lake.loadTable(items)).branches).toEqual({ main: taken.snapshotId })
    expect(await spark.rows('SELECT count(*) FROM product_raw.acme_items')).toEqual([['7']])
  })

  test('makes a table; we list it, read it and append to it', async () => {
    const { lake } = await openedLake()
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

const commits = `
from threading import Thread
failed = []
def write(name):
    session = opened(conf)
    try:
        for n in range(each):
            session.sql(f"INSERT INTO product_raw.acme_items VALUES ('{name}-{n}', 1, '{name}')")
    except Exception as error:
        failed.append(str(error)[:2000])
threads = [Thread(target=write, args=(name,)) for name in ("s1", "s2")]
for thread in threads: thread.start()
for thread in threads: thread.join()
result = failed
`

test('two writers of ours and two of Spark, fifty commits each at once: none is lost, none is overwritten', {
  timeout: 300_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aiworkflow-spark-'))
  const warehouseDir = join(folder, 'warehouse')
  const lake = openLakehouse({ warehouseDir, memoryLimit: '512MB' })
  closers.push(async () => {
    await lake.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await lake.createTable(items, { columns: itemColumns, partition: [{ column: 'vendor', transform: 'identity' }] })
  await spark.open({ warehouseDir })
  const each = 50
  const [ours, failed] = await Promise.all([
    Promise.all([linesOf(writer(warehouseDir, 'n1', each - 1)), linesOf(replacer(warehouseDir, 'n2', each))]),
    spark.run<string[]>(commits, { each, conf: spark.configuration({ warehouseDir }) }),
  ])
  expect(failed).toEqual([])
  expect(ours.map(lines => lines.length)).toEqual([each, each])
  const own = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}-${n}`)
  const expected = [...own('n1', each - 1), ...['n2', 's1', 's2'].flatMap(name => own(name, each)), 'shared', 'counter']
  const found = await stocks(lake)
  expect(Object.keys(found).sort()).toEqual(expected.sort())
  expect(found['counter'], 'the last of those that replaced it').toBe(each - 1)
  expect(await lake.history(items), 'one snapshot per commit').toHaveLength(4 * each)
  expect(await spark.rows('SELECT count(*) FROM product_raw.acme_items')).toEqual([[String(expected.length)]])
})
