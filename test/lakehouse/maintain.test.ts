/** Maintenance: rows and known writes stay, files and snapshots become few, nothing young is removed. */
import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Lakehouse, MaintainPolicy } from '../../src/lakehouse/lakehouse.ts'
import { chooseFiles } from '../../src/lakehouse/maintenance/choose.ts'
import { expectFailure, itemRows, items, lakeWithItems, openedLake, stocks } from './harness.ts'
import { pyiceberg, type ReadByPyIceberg, requirePyIceberg } from './pyiceberg.ts'

const timeout = 60_000
const hourMs = 3_600_000
/** As much as there is to do, at once; nothing is young an hour from now. */
const thorough: MaintainPolicy = {
  compact: { targetFileBytes: 1 << 20, smallFiles: 2, deletedFraction: 0.1 },
  expire: { keptMs: 0, keptLeast: 1 },
  orphanAgeMs: 0,
}
const later = () => Date.now() + hourMs

const stageOf = (stockOf: Record<string, number>, writeKey: string, branch = 'b') => ({
  branch,
  writeKey,
  rows: itemRows(stockOf),
  keyColumns: ['sku'],
  scope: { vendor: ['acme'] },
})

async function replace(lake: Lakehouse, stockOf: Record<string, number>, writeKey: string) {
  const write = stageOf(stockOf, writeKey)
  await lake.stage(items, write)
  expect(await lake.publish(items, write)).toMatchObject({ outcome: 'published' })
}

const parquetIn = (warehouseDir: string) =>
  readdirSync(join(warehouseDir, items.namespace, items.name), { recursive: true })
    .map(String)
    .filter(name => name.endsWith('.parquet'))

async function busyLake() {
  const opened = await lakeWithItems()
  const { lake } = opened
  for (let n = 0; n < 6; n += 1)
    await lake.append(items, { select: itemRows({ [`a${n}`]: n }), writeKey: `append ${n}` })
  await lake.append(items, { select: itemRows({ x: 1 }, 'bolt'), writeKey: 'bolt' })
  await replace(lake, { a1: 10, a2: 20 }, 'replace 1')
  await replace(lake, { a2: 200, b: 1 }, 'replace 2')
  return opened
}

beforeAll(requirePyIceberg)

describe('maintenance', { timeout }, () => {
  test('rows are the same for us and for PyIceberg, files are few, old snapshots and their files are gone', async () => {
    const { lake, warehouseDir } = await busyLake()
    const before = await stocks(lake)
    const [first] = (await lake.history(items)).toReversed()
    const read = async () =>
      (await pyiceberg<Record<string, ReadByPyIceberg>>(warehouseDir, 'describe'))['product_raw.acme_items']
    const readBefore = await read()
    const done = await lake.maintain(items, thorough, later())
    expect(done).toMatchObject({
      compacted: { filesBefore: 8, filesAfter: 1, overtaken: false },
      expired: { snapshots: 9 },
    })
    expect(await stocks(lake)).toEqual(before)
    const readAfter = await read()
    expect(readAfter?.data).toEqual(readBefore?.data)
    expect(readAfter).toMatchObject({ rows: Object.keys(before).length, refs: { main: 'branch' } })
    expect(readAfter?.snapshots.map(({ operation }) => operation)).toEqual(['replace'])
    expect(readAfter?.files).toHaveLength(2)
    expect(parquetIn(warehouseDir), 'what nothing names is gone from the disk').toHaveLength(2)
    await expectFailure(
      lake.query(`SELECT * FROM product_raw.acme_items AT (VERSION => ${first?.snapshotId})`),
      'SNAPSHOT_MISSING',
      /expired/,
    )
    expect(await lake.maintain(items, thorough, later()), 'again: there is nothing to do').toMatchObject({
      compacted: { filesBefore: 0 },
      expired: { snapshots: 0 },
      orphans: { files: 0 },
    })
  })

  test('what was written once is known as written after its snapshot has expired, by every way to write and in every process', async () => {
    const { lake, warehouseDir } = await busyLake()
    const known = await lake.findWrite(items, 'replace 1')
    await lake.maintain(items, thorough, later())
    await lake.append(items, { select: itemRows({ c: 3 }), writeKey: 'append 9' })
    await lake.maintain(items, thorough, later())
    const before = await stocks(lake)
    const { lake: other } = openedLake(warehouseDir)
    for (const each of [lake, other]) {
      expect(await each.findWrite(items, 'replace 1')).toEqual(known)
      expect(await each.append(items, { select: itemRows({ z: 1 }), writeKey: 'append 0' })).toMatchObject({
        alreadyDone: true,
        addedRows: 1,
      })
      expect(await each.stage(items, stageOf({ z: 1 }, 'replace 2'))).toMatchObject({ alreadyDone: true, addedRows: 2 })
      expect(await each.publish(items, stageOf({ z: 1 }, 'replace 2'))).toMatchObject({ outcome: 'already' })
      expect((await each.writes(items)).map(({ summary }) => summary['aiworkflow.write-key'])).toEqual(
        expect.arrayContaining(['append 0', 'bolt', 'replace 1', 'replace 2', 'append 9']),
      )
    }
    expect(await stocks(lake)).toEqual(before)
  })

  test('what is staged stays, and is staged again where the rows it replaces were rewritten', async () => {
    const { lake } = await busyLake()
    const open = stageOf({ a1: 99 }, 'open', 'open')
    await lake.stage(items, open)
    await lake.maintain(items, thorough, later())
    expect(await stocks(lake, 'open')).toMatchObject({ a1: 99, b: 1 })
    expect(await lake.publish(items, open)).toMatchObject({ outcome: 'stage-again' })
    await lake.stage(items, open)
    expect(await lake.publish(items, open)).toMatchObject({ outcome: 'published' })
    expect(await stocks(lake)).toMatchObject({ a1: 99, a2: 200 })
  })

  test('young snapshots, the newest ones and young files stay; an old file that nothing names goes', async () => {
    const { lake, warehouseDir } = await busyLake()
    const keeping: MaintainPolicy = {
      ...thorough,
      expire: { keptMs: hourMs, keptLeast: 1 },
      orphanAgeMs: hourMs,
    }
    const folder = join(warehouseDir, items.namespace, items.name, 'data')
    mkdirSync(join(folder, 'lost'))
    const [young, old] = [join(folder, 'young.parquet'), join(folder, 'lost', 'old.parquet')]
    for (const file of [young, old]) writeFileSync(file, 'lost')
    utimesSync(old, new Date(Date.now() - 2 * hourMs), new Date(Date.now() - 2 * hourMs))
    const done = await lake.maintain(items, keeping)
    expect(done).toMatchObject({ expired: { snapshots: 0 }, orphans: { files: 1, bytes: 4 } })
    expect([existsSync(young), existsSync(old)]).toEqual([true, false])
    const least = { ...thorough, expire: { keptMs: 0, keptLeast: 4 } }
    expect(await lake.maintain(items, least, later())).toMatchObject({ expired: { snapshots: 6 } })
    expect(await lake.history(items)).toHaveLength(4)
  })

  test('files that PyIceberg wrote are rewritten, its manifests carried over', async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    const append = (...rows: object[]) =>
      pyiceberg(warehouseDir, 'append', 'product_raw.acme_items', JSON.stringify(rows))
    await append({ sku: 'p', stock: 1, vendor: 'acme' }, { sku: 'q', stock: 2, vendor: 'bolt' })
    await append({ sku: 'r', stock: 3, vendor: 'acme' })
    await lake.append(items, { select: itemRows({ s: 4 }), writeKey: 'w' })
    expect(await lake.maintain(items, thorough, later())).toMatchObject({
      compacted: { filesBefore: 3, filesAfter: 1 },
    })
    expect(await stocks(lake)).toEqual({ p: 1, q: 2, r: 3, s: 4 })
    await append({ sku: 't', stock: 5, vendor: 'bolt' })
    const [rows] = await pyiceberg<number[]>(warehouseDir, 'count', 'product_raw.acme_items', `vendor = 'bolt'`)
    expect(rows).toBe(2)
  })

  test('beside writers: none of their rows is lost, and none comes back', async () => {
    const { lake, warehouseDir } = await busyLake()
    const { lake: other } = openedLake(warehouseDir)
    const writing = async () => {
      for (let n = 0; n < 8; n += 1) {
        const write = stageOf({ a1: 1000 + n, [`n${n}`]: n }, `busy ${n}`)
        do await other.stage(items, write)
        while ((await other.publish(items, write)).outcome === 'stage-again')
      }
    }
    const maintaining = async () => {
      for (let n = 0; n < 4; n += 1) await lake.maintain(items, { ...thorough, orphanAgeMs: hourMs }, Date.now())
    }
    await Promise.all([writing(), maintaining()])
    const found = await stocks(lake)
    expect(found).toMatchObject({ a1: 1007, n0: 0, n7: 7, a2: 200, x: 1 })
    expect(Object.keys(found)).toHaveLength(8 + 8)
  })
})

describe('the choice of files', () => {
  const policy = { targetFileBytes: 100, smallFiles: 3, deletedFraction: 0.5 }
  const file = (number: number, sizeBytes: number, partition: string) => ({
    content: 'data' as const,
    location: `file:///${number}`,
    specId: 0,
    partition: [partition],
    rows: 10,
    sizeBytes,
    sequence: BigInt(number),
    lowerBounds: new Map(),
    upperBounds: new Map(),
  })

  test('never mixes partitions, never takes a file twice, never leaves many small ones, and rests when it is done', () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 200 }), fc.constantFrom('a', 'b')), { maxLength: 30 })
    fc.assert(
      fc.property(sizes, given => {
        const data = given.map(([size, partition], number) => file(number, size, partition))
        const groups = chooseFiles({ data, deletes: [] }, [], policy)
        for (const group of groups) {
          expect(new Set(group.map(({ partition }) => partition[0])).size).toBe(1)
          expect(group.length).toBeGreaterThan(1)
        }
        const chosen = groups.flat()
        expect(new Set(chosen).size).toBe(chosen.length)
        const made = groups.map((group, number) =>
          file(
            1000 + number,
            group.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
            String(group[0]?.partition[0]),
          ),
        )
        const after = [...data.filter(item => !chosen.includes(item)), ...made]
        for (const of of ['a', 'b']) {
          const small = after.filter(({ sizeBytes, partition }) => partition[0] === of && sizeBytes < 50)
          expect(small.length).toBeLessThanOrEqual(policy.smallFiles)
        }
      }),
    )
  })
})
