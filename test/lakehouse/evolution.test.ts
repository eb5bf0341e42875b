/** Columns are added, widened, renamed and made optional; files that were written before read on, here and by PyIceberg. */
import { beforeAll, describe, expect, test } from 'vitest'
import { expectFailure, itemRows, items, lakeWithItems } from './harness.ts'
import { pyiceberg, type ReadByPyIceberg, requirePyIceberg } from './pyiceberg.ts'

beforeAll(requirePyIceberg)

describe('evolution', { timeout: 60_000 }, () => {
  test('renamed and optional columns keep their values and their place, in old files, new files and deletes', async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    await lake.append(items, { select: itemRows({ a: 1, b: 2 }), writeKey: 'w1' })
    const renamed = await lake.evolve(items, { rename: { sku: 'article', vendor: 'seller' }, optional: ['article'] })
    expect(renamed.columns.map(({ id, name, required }) => [id, name, required])).toEqual([
      [1, 'article', false],
      [2, 'stock', false],
      [3, 'seller', true],
    ])
    expect(renamed.partition).toEqual([{ column: 'seller', transform: 'identity' }])
    const again = await lake.evolve(items, { rename: { sku: 'article' }, optional: ['article'] })
    expect(again, 'done before: nothing changes').toEqual(renamed)

    const rows = `SELECT 'a' AS article, 10::BIGINT AS stock, 'acme' AS seller UNION ALL SELECT NULL, 3, 'acme'`
    const write = { branch: 'b', writeKey: 'w2', rows, keyColumns: ['article'], scope: { seller: ['acme'] } }
    expect(await lake.stage(items, write)).toMatchObject({ addedRows: 2, deletedRows: 1 })
    await lake.publish(items, write)
    await lake.addColumns(items, [{ name: 'sku', type: 'string', required: false }])
    const read = await lake.query('SELECT article, stock, seller, sku FROM acme_items ORDER BY stock')
    expect(read.rows, 'a new column of the old name is another column').toEqual([
      ['b', 2, 'acme', null],
      [null, 3, 'acme', null],
      ['a', 10, 'acme', null],
    ])
    const found = (await pyiceberg<Record<string, ReadByPyIceberg>>(warehouseDir, 'describe'))['product_raw.acme_items']
    expect(found?.columns.map(([id, name]) => [id, name])).toEqual([
      [1, 'article'],
      [2, 'stock'],
      [3, 'seller'],
      [4, 'sku'],
    ])
    expect(found?.data.map(([article]) => article)).toEqual(['None', 'a', 'b'])
    expect((await lake.query('SELECT * FROM product_raw.acme_items.snapshots')).rows).toHaveLength(2)
  })

  test('a name that is taken or not there is refused, and nothing has changed', async () => {
    const { lake } = await lakeWithItems()
    const before = await lake.loadTable(items)
    await expectFailure(lake.evolve(items, { rename: { sku: 'Stock' } }), 'TABLE_INCOMPATIBLE', /Two columns/)
    await expectFailure(lake.evolve(items, { rename: { none: 'other' } }), 'TABLE_INCOMPATIBLE', /no column "none"/)
    await expectFailure(lake.evolve(items, { optional: ['none'] }), 'TABLE_INCOMPATIBLE', /no column "none"/)
    expect(await lake.loadTable(items)).toEqual(before)
    const swapped = await lake.evolve(items, { rename: { sku: 'vendor', vendor: 'sku' } })
    expect(swapped.columns.map(({ id, name }) => [id, name])).toEqual([
      [1, 'vendor'],
      [2, 'stock'],
      [3, 'sku'],
    ])
  })
})
