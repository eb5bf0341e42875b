import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openLakehouse } from '../../src/lakehouse/lakehouse.ts'
import { expectFailure, itemColumns, itemRows, items, lakeWithItems, openedLake, temporaryDir } from './harness.ts'

describe('tables', () => {
  test('createTable twice finds the first one, with its columns and ids', async () => {
    const { lake } = openedLake()
    expect(await lake.tableExists(items)).toBe(false)
    const columns = [...itemColumns, { name: 'price', type: 'decimal(18,2)', required: false, doc: 'net' }]
    const made = await lake.createTable(items, { columns, partition: [{ column: 'vendor', transform: 'identity' }] })
    expect(await lake.createTable(items, { columns: itemColumns })).toEqual(made)
    expect(made.columns.map(column => column.id)).toEqual([1, 2, 3, 4])
    expect(made.columns[3]).toEqual({ id: 4, name: 'price', type: 'decimal(18,2)', required: false, doc: 'net' })
    expect(made.partition).toEqual([{ column: 'vendor', transform: 'identity' }])
    expect(await lake.listTables()).toEqual([items])
    expect(await lake.tableExists(items)).toBe(true)
  })

  test('a column that exists with another type is refused', async () => {
    const { lake } = await lakeWithItems()
    const columns = [{ name: 'stock', type: 'string', required: false }]
    await expectFailure(lake.createTable(items, { columns }), 'TABLE_INCOMPATIBLE', /"stock" is long/)
    await expectFailure(lake.addColumns(items, columns), 'TABLE_INCOMPATIBLE', /"stock" is long/)
  })

  test('an added column gets a new id, older rows read as null, and adding it again changes nothing', async () => {
    const { lake } = await lakeWithItems()
    await lake.append(items, { select: itemRows({ a: 1 }), writeKey: 'w1' })
    const added = [{ name: 'colour', type: 'string', required: false, doc: 'as the vendor says' }]
    const widened = await lake.addColumns(items, added)
    expect(widened.columns.at(-1)).toEqual({ id: 4, ...added[0] })
    expect(await lake.addColumns(items, added)).toEqual(widened)
    await lake.append(items, { select: `SELECT 'b' AS sku, 'v' AS vendor, 'red' AS colour`, writeKey: 'w2' })
    const { rows } = await lake.query('SELECT sku, colour FROM product_raw.acme_items ORDER BY sku')
    expect(rows).toEqual([
      ['a', null],
      ['b', 'red'],
    ])
  })

  test('a column becomes wider: old files are read, new values fit, the id stays, and asking for the narrow type changes nothing', async () => {
    const { lake } = openedLake()
    const narrow = [
      { name: 'n', type: 'int', required: false },
      { name: 'price', type: 'decimal(9,2)', required: false },
    ]
    const wide = [
      { name: 'n', type: 'long', required: false },
      { name: 'price', type: 'decimal(20,2)', required: false },
    ]
    await lake.createTable(items, { columns: narrow })
    await lake.append(items, { select: 'SELECT 1::INTEGER AS n, 1.50::DECIMAL(9,2) AS price', writeKey: 'w1' })
    const widened = await lake.addColumns(items, wide)
    expect(widened.columns.map(({ id, type }) => [id, type])).toEqual([
      [1, 'long'],
      [2, 'decimal(20,2)'],
    ])
    expect(await lake.addColumns(items, narrow)).toEqual(widened)
    const select = 'SELECT 5000000000::BIGINT AS n, 123456789012345678.25::DECIMAL(20,2) AS price'
    await lake.append(items, { select, writeKey: 'w2' })
    const { rows } = await lake.query('SELECT n, price FROM product_raw.acme_items WHERE n > 0 ORDER BY n')
    expect(rows.map(row => row.map(String))).toEqual([
      ['1', '1.50'],
      ['5000000000', '123456789012345678.25'],
    ])
    await expectFailure(
      lake.addColumns(items, [{ name: 'price', type: 'decimal(20,4)', required: false }]),
      'TABLE_INCOMPATIBLE',
      /cannot become/,
    )
  })

  test('a required column cannot be added, nor two columns that differ in case only', async () => {
    const { lake } = await lakeWithItems()
    await expectFailure(
      lake.addColumns(items, [{ name: 'x', type: 'int', required: true }]),
      'TABLE_INCOMPATIBLE',
      /required/,
    )
    await expectFailure(
      lake.addColumns(items, [{ name: 'SKU', type: 'int', required: false }]),
      'TABLE_INCOMPATIBLE',
      /Two columns/,
    )
  })

  test.each([
    ['a name that leads out of the folder', { namespace: '..', name: 'x' }, {}],
    ['a type nobody knows', items, { columns: [{ name: 'a', type: 'money', required: false }] }],
    ['a partition column that is not there', items, { partition: [{ column: 'day', transform: 'day' }] }],
    ['a transform that does not fit', items, { partition: [{ column: 'stock', transform: 'day' }] }],
    ['a transform nobody knows', items, { partition: [{ column: 'stock', transform: 'bucket[4]' }] }],
  ])('createTable refuses %s', async (_case, table, definition) => {
    const { lake } = openedLake()
    await expectFailure(lake.createTable(table, { columns: itemColumns, ...definition }), 'TABLE_INCOMPATIBLE')
  })

  test('names and columns may hold whatever SQL holds dear', async () => {
    const { lake } = openedLake()
    const columns = ['file_row_number', 'filename', `it's "quoted"`, 'select'].map(name => ({
      name,
      type: 'string',
      required: false,
    }))
    await lake.createTable(items, { columns })
    const select = columns
      .map(({ name }) => `'${name.replaceAll("'", "''")}' AS "${name.replaceAll('"', '""')}"`)
      .join(', ')
    await lake.append(items, { select: `SELECT ${select} -- a comment`, writeKey: `w'1` })
    expect((await lake.query('FROM acme_items')).rows).toEqual([columns.map(column => column.name)])
    expect(await lake.findWrite(items, `w'1`)).toBeDefined()
  })

  test('a warehouse path with spaces, umlauts and percent signs works; one with a pattern in it is refused', async () => {
    const dir = temporaryDir()
    mkdirSync(join(dir, "mein Ordner äöü %20'"))
    const { lake } = openedLake(join(dir, "mein Ordner äöü %20'", 'warehouse'))
    await lake.createTable(items, { columns: itemColumns })
    await lake.append(items, { select: itemRows({ a: 1 }), writeKey: 'w1' })
    await lake.stage(items, { branch: 'b', rows: itemRows({ a: 2 }), keyColumns: ['sku'], writeKey: 'w2' })
    await lake.publish(items, { branch: 'b', writeKey: 'w2' })
    expect((await lake.query('SELECT sku, stock FROM acme_items')).rows).toEqual([['a', 2]])
    expect(() => openLakehouse({ warehouseDir: join(dir, 'a[b]') })).toThrow(/patterns/)
  })

  test('what one process wrote another one opens', async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    await lake.append(items, { select: itemRows({ a: 1 }), writeKey: 'w1' })
    const { lake: other } = openedLake(warehouseDir)
    expect((await other.query('SELECT sku FROM acme_items')).rows).toEqual([['a']])
  })
})
