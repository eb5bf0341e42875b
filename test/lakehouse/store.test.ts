/** Tables whose files are in an S3-compatible store: what is deleted, what was, what nobody names any more, what was cut off halfway. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Lakehouse, type MaintainPolicy, openLakehouse } from '../../src/lakehouse/lakehouse.ts'
import { openS3 } from '../../src/lakehouse/storage/s3.ts'
import { startProxy } from '../rig/proxy.ts'
import { type RigS3, startS3 } from '../rig/s3.ts'
import { expectFailure, itemColumns, itemRows, items, openedLake, stocks, temporaryDir } from './harness.ts'
import { pyiceberg, type ReadByPyIceberg, requirePyIceberg } from './pyiceberg.ts'
import { bucketOf, type Store } from './store.ts'

const timeout = 60_000
const name = 'product_raw.acme_items'
const hourMs = 3_600_000
const thorough: MaintainPolicy = {
  compact: { targetFileBytes: 1 << 20, smallFiles: 2, deletedFraction: 0.1 },
  expire: { keptMs: 0, keptLeast: 1 },
  orphanAgeMs: 0,
}

let s3: RigS3
let buckets = 0
beforeAll(async () => {
  requirePyIceberg()
  s3 = await startS3()
}, 120_000)
afterAll(() => s3.stop())

const opened = (store: Store, warehouseDir: string): Lakehouse => openedLake(warehouseDir, store).lake

/** A lakehouse with `items` in a bucket of its own, and how another machine that shares the catalog opens it. */
async function lakeInStore() {
  const store = await bucketOf(s3, `lake-${buckets++}`)
  const warehouseDir = join(temporaryDir(), 'warehouse')
  const lake = opened(store, warehouseDir)
  await lake.createTable(items, {
    columns: itemColumns,
    partition: [{ column: 'vendor', transform: 'identity' }],
  })
  const elsewhere = () => {
    rmSync(join(warehouseDir, '.copies'), { recursive: true, force: true })
    return opened(store, warehouseDir)
  }
  const objects = async () => (await openS3(store).list(store.url)).map(({ location }) => location)
  return { lake, store, warehouseDir, elsewhere, objects, place: { catalog: warehouseDir, store } }
}

async function replace(lake: Lakehouse, rows: Record<string, number>, writeKey: string): Promise<void> {
  const write = { branch: 'staged', rows: itemRows(rows), keyColumns: ['sku'], writeKey }
  await lake.stage(items, write)
  expect(await lake.publish(items, write)).toMatchObject({ outcome: 'published' })
}

test('rows are replaced for us, elsewhere and for PyIceberg, which deletes some itself; what was can still be read', {
  timeout,
}, async () => {
  const { lake, elsewhere, place } = await lakeInStore()
  const { snapshotId } = await lake.append(items, { select: itemRows({ a: 1, b: 2, c: 3 }), writeKey: 'w1' })
  await lake.append(items, { select: itemRows({ x: 1 }, 'bölt & co/*'), writeKey: 'w2' })
  await replace(lake, { a: 10, d: 4 }, 'w3')
  await pyiceberg(place, 'delete', name, "sku == 'c'")
  await replace(lake, { b: 20 }, 'w4')
  const expected = { a: 10, b: 20, d: 4, x: 1 }
  expect(await stocks(lake)).toEqual(expected)
  const other = elsewhere()
  expect(await stocks(other)).toEqual(expected)
  const read = (await pyiceberg<Record<string, ReadByPyIceberg>>(place, 'describe'))[name]
  expect(Object.fromEntries(read!.data.map(([sku, stock]) => [sku, Number(stock)]))).toEqual(expected)
  expect(read!.files.every(file => file.startsWith('s3://'))).toBe(true)
  const then = await other.query(`SELECT sku, stock FROM acme_items AT (VERSION => ${snapshotId}) ORDER BY sku`)
  expect(then.rows).toEqual([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ])
  expect(await pyiceberg(place, 'at', name, snapshotId)).toBe(3)
})

test('a query reads copies and nothing else of this machine; a list of tables copies no rows', {
  timeout,
}, async () => {
  const { lake, warehouseDir, elsewhere } = await lakeInStore()
  await lake.append(items, { select: itemRows({ a: 1 }), writeKey: 'w1' })
  const other = elsewhere()
  const parquet = () =>
    readdirSync(join(warehouseDir, '.copies'), { recursive: true }).filter(file => String(file).endsWith('.parquet'))
  expect((await other.query('SHOW TABLES')).rows).toEqual([['product_raw', 'acme_items']])
  expect((await other.query('SELECT count(*) FROM information_schema.columns')).rows).toEqual([[3]])
  expect(parquet()).toHaveLength(0)
  expect((await other.query('SELECT sku FROM acme_items')).rows).toEqual([['a']])
  expect(parquet()).toHaveLength(1)
  await expectFailure(other.query(`SELECT * FROM '${warehouseDir}/catalog.sqlite'`), 'QUERY_REFUSED')
})

test('maintenance: rows stay, what nobody names goes from the store, what others made in the bucket stays', {
  timeout,
}, async () => {
  const { lake, store, objects, place, elsewhere } = await lakeInStore()
  for (let n = 0; n < 4; n += 1) await lake.append(items, { select: itemRows({ [`a${n}`]: n }), writeKey: `w${n}` })
  await replace(lake, { a1: 10 }, 'replace')
  const { location } = await lake.loadTable(items)
  const [orphan, foreign] = [`${location}/data/vendor=acme/orphan.parquet`, `${location}-other/data/theirs.parquet`]
  const calls = openS3(store)
  for (const each of [orphan, foreign]) await calls.create(each, Buffer.from('x'))
  const before = await objects()
  const maintained = await lake.maintain(items, thorough, Date.now() + hourMs)
  expect(maintained).toMatchObject({ compacted: { filesAfter: 1, overtaken: false }, orphans: { files: 1, bytes: 1 } })
  const after = await objects()
  const read = await pyiceberg<Record<string, ReadByPyIceberg>>(place, 'describe')
  const parquet = after.filter(file => file.endsWith('.parquet'))
  expect(parquet.sort()).toEqual([...read[name]!.files, foreign].sort())
  expect(after.length).toBeLessThan(before.length)
  const expected = { a0: 0, a1: 10, a2: 2, a3: 3 }
  expect(await stocks(elsewhere())).toEqual(expected)
  expect((await lake.append(items, { select: itemRows({ a0: 0 }), writeKey: 'w0' })).alreadyDone).toBe(true)
})

test('a process killed halfway through a file leaves nothing that a reader sees, and maintenance takes its parts away', {
  timeout,
}, async () => {
  const { lake, store, warehouseDir, objects } = await lakeInStore()
  await lake.append(items, { select: itemRows({ a: 1 }), writeKey: 'w1' })
  const before = await objects()
  const proxy = await startProxy(s3.port)
  onTestFinished(() => proxy.close())
  proxy.holdAfter(12 << 20)
  const throughProxy = { ...store, endpoint: `http://127.0.0.1:${proxy.port}` }
  const select = `SELECT md5(n::VARCHAR) || md5((n * 7)::VARCHAR) AS sku, n AS stock, 'acme' AS vendor FROM range(600000) AS t(n)`
  const script = join(import.meta.dirname, 'store-writer.ts')
  const settings = JSON.stringify({ warehouseDir, store: throughProxy, memoryLimit: '512MB' })
  const writer = spawn(process.execPath, [script, settings, JSON.stringify(items), select, 'w2'], { stdio: 'ignore' })
  const ended = once(writer, 'exit')
  while (!proxy.holds) {
    expect(writer.exitCode, 'the writer ended by itself').toBeNull()
    await delay(20)
  }
  writer.kill('SIGKILL')
  await ended
  expect(await objects()).toEqual(before)
  expect(await stocks(lake)).toEqual({ a: 1 })
  const bucket = new URL(store.url).host
  const client = new S3Client({
    region: store.region,
    endpoint: s3.endpoint,
    forcePathStyle: true,
    credentials: s3.credentials,
  })
  const unfinished = async () => (await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }))).Uploads ?? []
  expect(await unfinished()).toHaveLength(1)
  const { addedRows, alreadyDone } = await lake.append(items, { select, writeKey: 'w2' })
  expect([addedRows, alreadyDone]).toEqual([600_000, false])
  await lake.maintain(items, thorough, Date.now() + hourMs)
  expect(await unfinished()).toEqual([])
  expect((await lake.query('SELECT count(*) FROM acme_items')).rows).toEqual([[600_001]])
  client.destroy()
})

test('a table whose files are in a folder is refused by name', { timeout }, async () => {
  const { store } = await lakeInStore()
  const folder = join(temporaryDir(), 'warehouse')
  const local = openLakehouse({ warehouseDir: folder })
  await local.createTable(items, { columns: itemColumns })
  await local.close()
  await expectFailure(opened(store, folder).loadTable(items), 'TABLE_INCOMPATIBLE', /reads s3:\/\/ only/)
})
