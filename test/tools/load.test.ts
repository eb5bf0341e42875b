import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import { column, contractOf, csv, type Lake, openLake, openLakeAt, runOf } from './lake.ts'

const columns = [column('sku', 'string', { nullable: false }), column('price', 'decimal(10,2)'), column('qty', 'int')]
const contract = contractOf(columns)
const errorsSql = `SELECT record_number, column_name, error_code, source_line, raw_record FROM product_raw.ingest_errors ORDER BY ALL`
const summaryOf = async (lake: Lake, at = 0) =>
  (await lake.call('table_history', { table: { namespace: 'product_raw', name: 'acme_products' } })).snapshots[at]
    ?.summary

describe('loading a delivery', () => {
  test('a regular file: every record is a row, nothing is committed to the errors, and the SQL is kept', async () => {
    const lake = await openLake()
    const delivery = lake.deliver('sku,price,qty\nA1,1.50,3\nB2,,\n"C,3",2.00,0\n')
    const loaded = await lake.load(contract, delivery)
    expect(loaded).toMatchObject({ counts: { read: 3, loaded: 3, rejected: 0 }, alreadyDone: false })
    expect(
      await lake.rows('SELECT sku, price, qty, vendor_name, _delivery_id, _run_id FROM product_raw.acme_products'),
    ).toEqual([
      ['A1', '1.50', 3, 'acme', delivery.id, runOf(1)],
      ['B2', null, null, 'acme', delivery.id, runOf(1)],
      ['C,3', '2.00', 0, 'acme', delivery.id, runOf(1)],
    ])
    expect(await lake.lakehouse.history({ namespace: 'product_raw', name: 'ingest_errors' })).toEqual([])
    const kept = readFileSync(path.join(lake.workspace, '.aiworkflow/runs', runOf(1), 'load.sql'), 'utf8')
    expect(kept).toContain('one pass that ends at the first misfit')
    const lineage = readFileSync(
      path.join(lake.workspace, '.aiworkflow/runs', runOf(1), 'load.openlineage.json'),
      'utf8',
    )
    expect(JSON.parse(lineage)).toMatchObject({ job: { name: 'load product_raw.acme_products' } })
    expect(await summaryOf(lake)).toMatchObject({
      'aiworkflow.write-key': `bronze ${delivery.id}`,
      'aiworkflow.run-id': runOf(1),
      'aiworkflow.delivery-id': delivery.id,
      'aiworkflow.contract-version': '1',
      'aiworkflow.trace-id': 'a'.repeat(32),
    })
  })

  test('a misfit: the record goes to the errors with its place and text, the others are loaded', async () => {
    const lake = await openLake()
    const loaded = await lake.load(
      contract,
      lake.deliver('sku,price,qty\nA1,1.50,3\nB2,cheap,many\n,1.00,1\nD4,2.00,4\n'),
    )
    expect(loaded.counts).toEqual({ read: 4, loaded: 2, rejected: 2 })
    expect(await lake.rows(errorsSql)).toEqual([
      [2, 'price', 'VALUE_NOT_DECIMAL', 3, 'B2,cheap,many'],
      [2, 'qty', 'VALUE_NOT_LONG', 3, 'B2,cheap,many'],
      [3, 'sku', 'VALUE_MISSING', 4, ',1.00,1'],
    ])
  })

  test('that fails says nothing of lineage: an event says that something is complete', async () => {
    const lake = await openLake()
    const delivery = lake.deliver('sku,price,qty\nA1,1.50,3\n')
    await expect(lake.load(contract, { ...delivery, stored: '.aiworkflow/deliveries/gone.csv' })).rejects.toThrow()
    expect(existsSync(path.join(lake.workspace, '.aiworkflow/runs', runOf(1), 'load.openlineage.json'))).toBe(false)
  })

  test('rows that somebody committed by hand under the write key are taken as they are, and counted', async () => {
    const lake = await openLake()
    const delivery = lake.deliver('sku,price,qty\nA1,1.50,3\n')
    await lake.call('create_table', { contract })
    const select = `SELECT 'A1' AS sku, 1.50 AS price, 3 AS qty, 'acme' AS vendor_name, DATE '2026-11-24' AS ingestion_date, '${delivery.id}' AS _delivery_id, 'r' AS _run_id, 'f' AS _source_file, TIMESTAMPTZ '2026-11-24 10:00:00Z' AS _ingested_at`
    const table = { namespace: 'product_raw', name: 'acme_products' }
    const cast = `SELECT * REPLACE (CAST(price AS DECIMAL(10,2)) AS price, CAST(qty AS INTEGER) AS qty) FROM (${select})`
    await lake.lakehouse.append(table, { select: cast, writeKey: `bronze ${delivery.id}` })
    const loaded = await lake.load(contract, delivery)
    expect(loaded).toMatchObject({ counts: { read: 1, loaded: 1, rejected: 0 }, alreadyDone: true })
  })

  const nasty: [string, string | Uint8Array, Partial<FeedContract>, number, number][] = [
    ['too few and too many fields', 'sku,price,qty\nA\nB,1.00,2,3\nC,1.00,2\n', {}, 3, 1],
    ['a quote that never closes', 'sku,price,qty\nA,1.00,1\n"B,1.00,2\nC,1.00,3\n', {}, 3, 2],
    ['line breaks in quotes and doubled quotes', 'sku,price,qty\n"A\nx",1.00,1\n"B ""b""",1.00,2\n', {}, 2, 2],
    ['blank lines and CRLF mixed with LF', 'sku,price,qty\r\nA,1.00,1\n\n\r\nB,1.00,2\r\n', {}, 2, 2],
    [
      'bytes that are no UTF-8',
      Buffer.concat([Buffer.from('sku,price,qty\nA,1.00,1\n'), Buffer.from([0xff, 0xfe]), Buffer.from(',1.00,2\n')]),
      {},
      2,
      1,
    ],
    ['a NUL in a value', 'sku,price,qty\nA\0B,1.00,1\nC,1.00,2\n', {}, 2, 1],
    ['no line end at the end', 'sku,price,qty\nA,1.00,1\nB,1.00,2', {}, 2, 2],
    ['a header only', 'sku,price,qty\n', {}, 0, 0],
    ['only misfits', 'sku,price,qty\nA,x,1\nB,y,2\n', {}, 2, 0],
    ['gzip', gzipSync('sku,price,qty\nA,1.00,1\nB,z,1\n'), { format: { ...csv, compression: 'gzip' } as never }, 2, 1],
    [
      'Windows-1252 and semicolons',
      Buffer.from('sku;price;qty\nM\xfcller;1.00;1\n', 'latin1'),
      { format: { ...csv, encoding: 'windows-1252', delimiter: ';' } as never },
      1,
      1,
    ],
    [
      'NDJSON with a broken line',
      '{"sku":"A","price":"1.00"}\n{"sku":\n[1]\n{"sku":"B","qty":2}\n',
      { format: { kind: 'ndjson', encoding: 'utf-8', compression: 'none' } },
      4,
      2,
    ],
  ]
  test.each(nasty)('%s: read is loaded and rejected together', async (_, bytes, more, read, loaded) => {
    const lake = await openLake()
    const { counts } = await lake.load({ ...contract, ...more }, lake.deliver(bytes))
    expect(counts).toEqual({ read, loaded, rejected: read - loaded })
    const [[rows]] = (await lake.rows('SELECT count(*) FROM product_raw.acme_products')) as [[number]]
    const [[errors]] = (await lake.rows('SELECT count(DISTINCT record_number) FROM product_raw.ingest_errors')) as [
      [number],
    ]
    expect([rows, errors]).toEqual([loaded, read - loaded])
  })

  test.each([
    ['without errors', 'sku,price,qty\nA,1.00,1\n'],
    ['with errors', 'sku,price,qty\nA,1.00,1\nB,x,1\n'],
  ])(
    'the same write again %s: nothing is written and the counts are the same, also for another process',
    async (_, text) => {
      const lake = await openLake()
      const delivery = lake.deliver(text)
      const first = await lake.load(contract, delivery)
      const again = await lake.load(contract, delivery, runOf(2))
      const other = await (await openLakeAt(lake.workspace)).load(contract, delivery, runOf(3))
      expect(again).toEqual({ ...first, alreadyDone: true })
      expect(other).toEqual({ ...first, alreadyDone: true })
    },
  )

  test('a crash between errors and table: the errors are found, the table is committed, nothing is there twice', async () => {
    const lake = await openLake()
    const delivery = lake.deliver('sku,price,qty\nA,1.00,1\nB,x,1\n')
    await lake.call('create_table', { contract })
    const append = lake.lakehouse.append
    const dying = lake.lakehouse as { append: typeof append }
    dying.append = (table, write) =>
      table.name === 'ingest_errors' ? append(table, write) : Promise.reject(new Error('kill -9'))
    await expect(lake.load(contract, delivery)).rejects.toThrow('kill -9')
    expect(await lake.rows('SELECT count(*) FROM product_raw.acme_products')).toEqual([[0]])
    dying.append = append
    expect((await lake.load(contract, delivery)).counts).toEqual({ read: 2, loaded: 1, rejected: 1 })
    expect(await lake.rows('SELECT count(*) FROM product_raw.ingest_errors')).toEqual([[1]])
  })

  test.each([
    ['and has none then', column('price', 'string'), { read: 2, loaded: 2, rejected: 0 }, []],
    ['and has others then', column('price', 'boolean'), { read: 2, loaded: 0, rejected: 2 }, [[1], [2]]],
  ])(
    'a crash between errors and table, and the contract is mended %s: only the new errors stay',
    async (_, price, counts, errors) => {
      const lake = await openLake()
      const text = 'sku,price,qty\nA,1.00,1\nB,x,1\n'
      const delivery = lake.deliver(text)
      const other = lake.deliver(`${text}C,y,1\n`)
      await lake.load(contract, other)
      const append = lake.lakehouse.append
      const dying = lake.lakehouse as { append: typeof append }
      dying.append = (table, write) =>
        table.name === 'ingest_errors' ? append(table, write) : Promise.reject(new Error('kill -9'))
      await expect(lake.load(contract, delivery)).rejects.toThrow('kill -9')
      dying.append = append
      const mended = contractOf([columns[0]!, { ...price, name: 'price_text', sourceName: 'price' }, columns[2]!], {
        version: 2,
      })
      expect((await lake.load(mended, delivery, runOf(2))).counts).toEqual(counts)
      const of = (id: string) =>
        `SELECT DISTINCT record_number FROM product_raw.ingest_errors WHERE delivery_id = '${id}' ORDER BY 1`
      expect(await lake.rows(of(delivery.id))).toEqual(errors)
      expect(await lake.rows(of(other.id))).toEqual([[2], [3]])
    },
  )

  test('a plan whose text was changed is refused and nothing is run', async () => {
    const lake = await openLake()
    const delivery = lake.deliver('sku,price,qty\nA,1.00,1\n')
    await lake.call('create_table', { contract })
    const plan = lake.plan(contract, delivery)
    const doctored = [
      { ...plan, sql: { ...plan.sql, accepted: `${plan.sql.accepted} AND sku <> 'A'` } },
      { ...plan, table: { namespace: 'product_core', name: 'product' } },
      { ...plan, deliveryId: 'd_000000000000000000000000' },
      { ...plan, contract: { ...plan.contract, version: 2 } },
    ]
    for (const each of doctored) {
      const call = lake.call('run_load_plan', { plan: each, contract, delivery, maxRecordBytes: 1000 })
      await expect(call).rejects.toMatchObject({ code: 'TOOL_INPUT_INVALID', owner: 'acme-team' })
    }
    expect(await lake.rows('SELECT count(*) FROM product_raw.acme_products')).toEqual([[0]])
  })

  test('a delivery outside of the store is refused, one that is gone is PATH_UNKNOWN', async () => {
    const lake = await openLake()
    const delivery = lake.deliver('sku,price,qty\nA,1.00,1\n')
    await expect(lake.load(contract, { ...delivery, stored: 'warehouse/catalog.sqlite' })).rejects.toMatchObject({
      code: 'PATH_OUTSIDE_ROOT',
    })
    const gone = '.aiworkflow/deliveries/gone.csv'
    await expect(lake.load(contract, { ...delivery, stored: gone })).rejects.toMatchObject({ code: 'PATH_UNKNOWN' })
  })

  test('a record longer than the limit is an error, not the end of the load', async () => {
    const lake = await openLake()
    const delivery = lake.deliver(`sku,price,qty\nA,1.00,1\n${'B'.repeat(5000)},1.00,1\nC,1.00,1\n`)
    await lake.call('create_table', { contract })
    const plan = lake.plan(contract, delivery)
    const { counts } = await lake.call('run_load_plan', { plan, contract, delivery, maxRecordBytes: 1000 })
    expect(counts).toEqual({ read: 3, loaded: 2, rejected: 1 })
  })

  test('feeds of several processes put their errors into one table at once and lose none', async () => {
    const lake = await openLake()
    const lakes = [lake, await openLakeAt(lake.workspace), await openLakeAt(lake.workspace)]
    const loads = lakes.flatMap((each, process) =>
      [0, 1].map(async index => {
        const feed = { vendor: `vendor${process}`, table: `table${index}` }
        const of = contractOf(columns, feed)
        const delivery = each.deliver(`sku,price,qty\nA,x,1\nB,1.00,1\nC,${process}${index}x,1\n`, { feed })
        return (await each.load(of, delivery, runOf(10 * process + index))).counts
      }),
    )
    for (const counts of await Promise.all(loads)) expect(counts).toEqual({ read: 3, loaded: 1, rejected: 2 })
    const perRun = await lake.rows('SELECT run_id, count(*) FROM product_raw.ingest_errors GROUP BY 1 ORDER BY 1')
    expect(perRun).toEqual([0, 1, 10, 11, 20, 21].map(number => [runOf(number), 2]))
  })
})

describe('tables of a feed', () => {
  test('a newer contract widens the table by name, once; older rows have no value there', async () => {
    const lake = await openLake()
    await lake.load(contract, lake.deliver('sku,price,qty\nA,1.00,1\n'))
    const wider = contractOf([...columns, column('colour', 'string', { nullable: false })], { version: 2 })
    expect(await lake.call('create_table', { contract: wider })).toMatchObject({
      created: false,
      addedColumns: ['colour'],
    })
    expect(await lake.call('create_table', { contract: wider })).toMatchObject({ created: false, addedColumns: [] })
    await lake.load(wider, lake.deliver('sku,price,qty,colour\nB,1.00,1,red\n'))
    expect(await lake.rows('SELECT sku, colour FROM product_raw.acme_products ORDER BY 1')).toEqual([
      ['A', null],
      ['B', 'red'],
    ])
  })

  test('a required column that a newer contract retires stays, empty', async () => {
    const lake = await openLake()
    await lake.load(contract, lake.deliver('sku,price,qty\nA,1.00,1\n'))
    const retired = contractOf([{ ...columns[0]!, retired: true }, ...columns.slice(1)], { version: 2 })
    const { counts } = await lake.load(retired, lake.deliver('price,qty\n2.00,1\n'))
    expect(counts).toEqual({ read: 1, loaded: 1, rejected: 0 })
    expect(await lake.rows('SELECT sku, price FROM product_raw.acme_products ORDER BY 2')).toEqual([
      ['A', '1.00'],
      [null, '2.00'],
    ])
  })

  test('a column that changes its type is TABLE_INCOMPATIBLE', async () => {
    const lake = await openLake()
    await lake.call('create_table', { contract })
    const changed = contractOf([columns[0]!, column('price', 'boolean')], { version: 2 })
    await expect(lake.call('create_table', { contract: changed })).rejects.toMatchObject({ code: 'TABLE_INCOMPATIBLE' })
  })

  test('creating answers the table and makes the error table beside it', async () => {
    const lake = await openLake()
    const made = await lake.call('create_table', { contract })
    expect(made).toEqual({
      table: { namespace: 'product_raw', name: 'acme_products' },
      created: true,
      addedColumns: [],
    })
    expect(await lake.rows('SELECT count(*) FROM product_raw.ingest_errors')).toEqual([[0]])
  })
})
