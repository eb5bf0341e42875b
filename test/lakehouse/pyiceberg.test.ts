/** PyIceberg, which shares no code with us, opens the same catalog: it must read what we write, and we what it writes. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Lakehouse } from '../../src/lakehouse/lakehouse.ts'
import { itemColumns, itemRows, items, lakeWithItems, openedLake, stocks } from './harness.ts'
import { pyiceberg, type ReadByPyIceberg, requirePyIceberg } from './pyiceberg.ts'

const timeout = 60_000

async function stageAndPublish(lake: Lakehouse, writeKey: string, rows: Record<string, number>) {
  await lake.stage(items, { branch: 'staged', rows: itemRows(rows), keyColumns: ['sku'], writeKey })
  return lake.publish(items, { branch: 'staged', writeKey })
}

beforeAll(requirePyIceberg)

describe('PyIceberg reads', { timeout }, () => {
  test('every table with our columns, ids, partitions, refs, summaries, rows and row deletes', async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    await lake.append(items, {
      select: itemRows({ a: 1, b: 2 }),
      writeKey: 'w1',
      summary: { 'aiworkflow.run-id': 'r' },
    })
    await lake.append(items, {
      select: `${itemRows({ c: 3 }, 'bolt')} UNION ALL ${itemRows({ d: 4 }, 'ä/ü')}`,
      writeKey: 'w2',
    })
    await lake.addColumns(items, [{ name: 'colour', type: 'string', required: false }])
    await stageAndPublish(lake, 'w3', { a: 10, c: 30 })
    await lake.stage(items, {
      branch: 'open',
      rows: itemRows({ e: 5 }),
      keyColumns: ['sku'],
      alsoDelete: `sku = 'b'`,
      writeKey: 'w4',
    })
    await lake.append(items, { select: itemRows({}), writeKey: 'w5' })
    const empty = { namespace: 'product_core', name: 'product' }
    await lake.createTable(empty, { columns: itemColumns })

    const tables = await pyiceberg<Record<string, ReadByPyIceberg>>(warehouseDir, 'describe')
    expect(Object.keys(tables).sort()).toEqual(['product_core.product', 'product_raw.acme_items'])
    expect(tables['product_core.product']).toMatchObject({ rows: 0, snapshots: [], partitions: [] })
    const read = tables['product_raw.acme_items']
    expect(read).toMatchObject({
      rows: 4,
      columns: [
        [1, 'sku', 'string', true],
        [2, 'stock', 'long', false],
        [3, 'vendor', 'string', true],
        [4, 'colour', 'string', false],
      ],
      spec: [[3, 'vendor', 'identity']],
      refs: { main: 'branch', open: 'branch' },
      data: [
        ['a', '10', 'acme', 'None'],
        ['b', '2', 'acme', 'None'],
        ['c', '30', 'acme', 'None'],
        ['d', '4', 'ä/ü', 'None'],
      ],
    })
    expect(read?.partitions.map(([values]) => values)).toEqual(['vendor=acme', 'vendor=bolt', 'vendor=ä/ü'])
    const [first] = read?.snapshots ?? []
    expect(first).toMatchObject({ operation: 'append', 'aiworkflow.write-key': 'w1', 'aiworkflow.run-id': 'r' })
    expect(await pyiceberg(warehouseDir, 'branch', 'product_raw.acme_items', 'open')).toBe(4)
    expect(Object.keys(await stocks(lake, 'open'))).toEqual(['a', 'c', 'd', 'e'])
  })

  test('filters by every type of bound find the rows that we find', async () => {
    const { lake, warehouseDir } = openedLake()
    await lake.createTable(items, {
      columns: [
        ['text', 'string'],
        ['whole', 'int'],
        ['large', 'long'],
        ['money', 'decimal(20,4)'],
        ['ratio', 'double'],
        ['day', 'date'],
        ['moment', 'timestamp'],
        ['instant', 'timestamptz'],
        ['flag', 'boolean'],
      ].map(([name = '', type = '']) => ({ name, type, required: false })),
      partition: [
        { column: 'day', transform: 'day' },
        { column: 'flag', transform: 'identity' },
      ],
    })
    for (const [file, start] of [-60, -1, 40].entries()) {
      const select = `SELECT repeat('ä', 30) || n AS "text", n::INT AS whole, n * 10000000000 AS large, (n * -1.0001)::DECIMAL(20,4) AS money,
        n / 7.0::DOUBLE AS ratio, DATE '1970-01-01' + (n // 30)::INT AS "day", TIMESTAMP '1970-01-01' + to_hours(n) AS moment,
        TIMESTAMPTZ '1970-01-01 00:00:00+00' + to_seconds(n) AS instant, n % 2 = 0 AS flag FROM range(${start}, ${start + 20}) AS t(n)`
      await lake.append(items, { select, writeKey: `w${file}` })
    }
    const filters = [
      `text > '${'ä'.repeat(30)}4'`,
      'whole < -1',
      'whole > 58',
      'large < -590000000000',
      'money > 60.0000',
      'ratio > 8.3',
      'large >= 400000000000',
      'money < -41.0001',
      'ratio <= -0.3',
      "day = '1969-12-31'",
      "moment < '1969-12-31T23:00:00'",
      "instant >= '1970-01-01T00:00:40+00:00'",
      'flag = true and whole > 50',
    ]
    const own: number[] = []
    for (const filter of filters) {
      own.push(Number((await lake.query(`SELECT count(*) FROM acme_items WHERE ${filter}`)).rows[0]?.[0]))
    }
    expect(Math.min(...own)).toBeGreaterThan(0)
    const theirs = filters.map(filter => filter.replace('flag = true', 'flag == true'))
    expect(await pyiceberg(warehouseDir, 'count', 'product_raw.acme_items', ...theirs)).toEqual(own)
  })
})

describe('PyIceberg writes', { timeout }, () => {
  test('its appends, deletes and renamed columns read rightly here, and our next commits keep them', async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    await lake.append(items, { select: itemRows({ a: 1, b: 2, c: 3 }), writeKey: 'w1' })
    await stageAndPublish(lake, 'w2', { a: 10 })
    const name = 'product_raw.acme_items'
    await pyiceberg(warehouseDir, 'append', name, JSON.stringify([{ sku: 'py', stock: 7, vendor: 'snake' }]))
    await pyiceberg(warehouseDir, 'delete', name, "sku == 'b'")
    expect(await stocks(lake)).toEqual({ a: 10, c: 3, py: 7 })
    await pyiceberg(warehouseDir, 'rename', name, 'stock', 'quantity')
    expect((await lake.query('SELECT sku, quantity FROM acme_items ORDER BY sku')).rows).toEqual([
      ['a', 10],
      ['c', 3],
      ['py', 7],
    ])
    const rows = `SELECT 'py' AS sku, 8::BIGINT AS quantity, 'snake' AS vendor`
    await lake.stage(items, { branch: 'staged', rows, keyColumns: ['sku'], writeKey: 'w3' })
    expect(await lake.publish(items, { branch: 'staged', writeKey: 'w3' })).toMatchObject({ outcome: 'published' })
    expect(await lake.findWrite(items, 'w1')).toBeDefined()
    expect((await pyiceberg<Record<string, ReadByPyIceberg>>(warehouseDir, 'describe'))[name]?.data).toEqual([
      ['a', '10', 'acme'],
      ['c', '3', 'acme'],
      ['py', '8', 'snake'],
    ])
  })

  test('it rewrites a file that staged deletes speak of: stage again, which then publishes', async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    await lake.append(items, { select: itemRows({ a: 1, b: 2 }), writeKey: 'w1' })
    const write = { branch: 'staged', rows: itemRows({ a: 10 }), keyColumns: ['sku'], writeKey: 'w2' }
    const { snapshotId } = await lake.stage(items, write)
    await pyiceberg(warehouseDir, 'delete', 'product_raw.acme_items', "sku == 'b'")
    expect(await lake.publish(items, write)).toEqual({ outcome: 'stage-again', snapshotId })
    expect(await stocks(lake)).toEqual({ a: 1 })
    expect(await lake.stage(items, write)).toMatchObject({ alreadyDone: false, deletedRows: 1 })
    expect(await lake.publish(items, write)).toMatchObject({ outcome: 'published' })
    expect(await stocks(lake)).toEqual({ a: 10 })
    expect(await pyiceberg(warehouseDir, 'count', 'product_raw.acme_items', "sku == 'a' and stock == 10")).toEqual([1])
  })
})
