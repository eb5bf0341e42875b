import { describe, expect, test } from 'vitest'
import { itemRows, items, lakeWithItems, stocks } from './harness.ts'
import { pyiceberg, type ReadByPyIceberg, requirePyIceberg } from './pyiceberg.ts'

const further = [{ column: 'sku', transform: 'identity' }]

describe('a table that is divided further', () => {
  test('new files follow the new division, older ones keep theirs, and both are read, by PyIceberg too', async () => {
    await requirePyIceberg()
    const { lake, warehouseDir } = await lakeWithItems()
    await lake.append(items, { select: itemRows({ a: 1, b: 2 }), writeKey: 'w1' })
    expect((await lake.divide(items, further)).partition).toEqual([
      { column: 'vendor', transform: 'identity' },
      { column: 'sku', transform: 'identity' },
    ])
    const { files } = await lake.append(items, { select: itemRows({ c: 3, d: 4 }), writeKey: 'w2' })
    expect(files.map(file => /sku=(\w)/.exec(file)?.[1]).sort()).toEqual(['c', 'd'])
    expect(await stocks(lake)).toEqual({ a: 1, b: 2, c: 3, d: 4 })

    const read = (await pyiceberg<Record<string, ReadByPyIceberg>>(warehouseDir, 'describe'))['product_raw.acme_items']
    expect(read).toMatchObject({
      rows: 4,
      spec: [
        [3, 'vendor', 'identity'],
        [1, 'sku', 'identity'],
      ],
    })
  }, 60_000)

  test('rows under either division are replaced', async () => {
    const { lake } = await lakeWithItems()
    await lake.append(items, { select: itemRows({ a: 1, b: 2 }), writeKey: 'w1' })
    await lake.divide(items, further)
    await lake.append(items, { select: itemRows({ c: 3 }), writeKey: 'w2' })
    await lake.stage(items, { branch: 's', rows: itemRows({ a: 10, c: 30 }), keyColumns: ['sku'], writeKey: 'w3' })
    await lake.publish(items, { branch: 's', writeKey: 'w3' })
    expect(await stocks(lake)).toEqual({ a: 10, b: 2, c: 30 })
  })

  test('asking again, or for less, changes nothing; a column that there is not is refused', async () => {
    const { lake } = await lakeWithItems()
    const once = await lake.divide(items, further)
    expect(await lake.divide(items, further)).toEqual(once)
    expect(await lake.divide(items, [])).toEqual(once)
    await expect(lake.divide(items, [{ column: 'size', transform: 'identity' }])).rejects.toMatchObject({
      code: 'TABLE_INCOMPATIBLE',
    })
  })
})
