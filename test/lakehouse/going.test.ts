/** Which rows a staged write replaces, found without reading the whole table: the same as by reading it. */
import { readdirSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { LiveFile } from '../../src/lakehouse/iceberg/data-file.ts'
import { emptyTable } from '../../src/lakehouse/iceberg/metadata.ts'
import { newSpec } from '../../src/lakehouse/iceberg/partition.ts'
import { newSchema } from '../../src/lakehouse/iceberg/schema.ts'
import { lowerBound, upperBound } from '../../src/lakehouse/iceberg/values.ts'
import { leastIndexedRows } from '../../src/lakehouse/key-index.ts'
import { fileHoldsOnly, fileMayHold, keysMayMeet } from '../../src/lakehouse/narrow.ts'
import { itemColumns, itemRows, items, lakeWithItems } from './harness.ts'

const rowsInFile = leastIndexedRows + 7
const keyOf = (number: number) => `sku ${(number * 7919) % 1_000_003}`

async function lakeWithLargeFile() {
  const opened = await lakeWithItems()
  const key = `'sku ' || CAST((n * 7919) % 1000003 AS VARCHAR)`
  const select = `SELECT ${key} AS sku, n AS stock, 'acme' AS vendor FROM range(${rowsInFile}) AS numbers(n)`
  await opened.lake.append(items, { select, writeKey: 'large' })
  const folder = join(opened.warehouseDir, items.namespace, items.name, 'index')
  return { ...opened, folder }
}

describe('keys in a large file', () => {
  const scope = { vendor: ['acme'] }
  const stageOf = (stocks: Record<string, number>, writeKey: string) => ({
    branch: 'b',
    writeKey,
    rows: itemRows(stocks),
    keyColumns: ['sku'],
    scope,
  })

  test('are replaced once and found again: some that are there, some that are not, some replaced before', async () => {
    const { lake, folder } = await lakeWithLargeFile()
    const held = async () => (await lake.query('SELECT count(*), count(DISTINCT sku) FROM acme_items')).rows[0]
    const first = { [keyOf(0)]: -1, [keyOf(4_711)]: -2, [keyOf(rowsInFile - 1)]: -3, 'sku none': -4 }
    const write = stageOf(first, 'w1')
    expect(await lake.stage(items, write)).toMatchObject({ addedRows: 4, deletedRows: 3 })
    await lake.publish(items, write)
    expect(readdirSync(folder)).toHaveLength(1)
    expect(await held()).toEqual([rowsInFile + 1, rowsInFile + 1])

    const again = stageOf({ [keyOf(0)]: -5, [keyOf(1)]: -6 }, 'w2')
    expect(await lake.stage(items, again), 'one is in the small file by now').toMatchObject({ deletedRows: 2 })
    await lake.publish(items, again)
    expect(await held()).toEqual([rowsInFile + 1, rowsInFile + 1])
    const negative = await lake.query('SELECT stock FROM acme_items WHERE stock < 0 ORDER BY 1')
    expect(negative.rows).toEqual([[-6], [-5], [-4], [-3], [-2]])
  })

  test('are found where the index is gone or cut off: it is made again', async () => {
    const { lake, folder } = await lakeWithLargeFile()
    const spoil = [
      () => undefined,
      () => truncateSync(join(folder, readdirSync(folder)[0] ?? ''), 1_000),
      () => rmSync(folder, { recursive: true }),
    ]
    for (const [round, spoiled] of spoil.entries()) {
      spoiled()
      const write = stageOf({ [keyOf(round)]: -1 }, `w${round}`)
      expect(await lake.stage(items, write)).toMatchObject({ deletedRows: 1 })
      await lake.publish(items, write)
    }
  })

  test('of another scope in the same file are left alone', async () => {
    const { lake } = await lakeWithLargeFile()
    const write = { ...stageOf({ [keyOf(3)]: -1 }, 'w1'), scope: { vendor: ['bolt'] } }
    expect(await lake.stage(items, write)).toMatchObject({ deletedRows: 0 })
  })
})

describe('files that are left out', () => {
  const schema = newSchema(itemColumns)
  const metadata = (partitioned: boolean) =>
    emptyTable({
      location: 'file:///t',
      schema,
      spec: newSpec(schema, partitioned ? [{ column: 'vendor', transform: 'identity' }] : []),
      properties: {},
    })
  const [sku, , vendor] = schema.fields.map(({ id }) => id)
  const text = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom('a', 'b', 'aa', 'd_0123456789abcdef0123', 'd_0123456789abcdef9'),
  )
  const ends = (values: readonly string[]) => {
    const sorted = values.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    return [lowerBound('string', sorted[0] ?? ''), upperBound('string', sorted.at(-1) ?? '')] as const
  }
  const fileOf = (skus: readonly string[], of: string, partitioned: boolean): LiveFile => {
    const [[least, most], [low, high]] = [ends(skus), ends([of])]
    const pairs = (a: Buffer | undefined, b: Buffer | undefined) =>
      new Map(
        [
          [sku!, a],
          [vendor!, b],
        ].filter((pair): pair is [number, Buffer] => pair[1] !== undefined),
      )
    return {
      content: 'data',
      location: 'file:///t/f.parquet',
      specId: 0,
      partition: partitioned ? [of] : [],
      rows: skus.length,
      sizeBytes: 1,
      sequence: 1n,
      lowerBounds: pairs(least, low),
      upperBounds: pairs(most, high),
    }
  }

  test('never hold a row that is asked for, however bounds were cut', () => {
    const skus = fc.array(text, { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(skus, text, skus, fc.array(text, { maxLength: 3 }), fc.boolean(), (held, of, asked, vendors, cut) => {
        const file = fileOf(held, of, cut)
        const table = metadata(cut)
        const rows = held.map(each => ({ sku: each, vendor: of }))
        const wanted = { sku: asked, vendor: vendors }
        const some = rows.some(row => asked.includes(row.sku) && vendors.includes(row.vendor))
        if (some) expect(fileMayHold(table, file, wanted)).toBe(true)
        if (fileHoldsOnly(table, file, { vendor: vendors })) expect(vendors).toContain(of)
        const [least, most] = ends(asked)
        const nullCounts = new Map([[sku!, 0]])
        const bounds = (bound: Buffer | undefined) => new Map(bound === undefined ? [] : [[sku!, bound] as const])
        const metrics = { nullCounts, lowerBounds: bounds(least), upperBounds: bounds(most) }
        const added = { metrics: { ...metrics, columnSizes: new Map(), valueCounts: new Map() } }
        if (held.some(each => asked.includes(each)))
          expect(keysMayMeet(table, file, [added as never], ['sku'])).toBe(true)
      }),
    )
  })

  test('are those of other vendors, and those whose bounds say so', () => {
    const file = fileOf(['b', 'c'], 'acme', true)
    expect(fileMayHold(metadata(true), file, { vendor: ['bolt'] })).toBe(false)
    expect(fileMayHold(metadata(true), file, { vendor: ['acme'], sku: ['a', 'd'] })).toBe(false)
    expect(fileMayHold(metadata(true), file, { vendor: ['acme'], sku: ['bb'] })).toBe(true)
    expect(fileMayHold(metadata(true), file, `vendor = 'bolt'`)).toBe(true)
  })
})
