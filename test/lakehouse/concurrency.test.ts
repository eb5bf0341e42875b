import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { itemRows, items, lakeWithItems, openedLake, stocks } from './harness.ts'
import { pyiceberg, requirePyIceberg } from './pyiceberg.ts'
import { linesOf, replacer, writer } from './writers.ts'

describe('writers at the same time', () => {
  test('twenty appends in one process: none is lost', async () => {
    const { lake } = await lakeWithItems()
    const names = Array.from({ length: 20 }, (_, n) => `s${n}`)
    await Promise.all(names.map(name => lake.append(items, { select: itemRows({ [name]: 1 }), writeKey: name })))
    expect(Object.keys(await stocks(lake))).toEqual([...names].sort())
    expect(await lake.history(items)).toHaveLength(20)
  })

  test('two lakehouses on one warehouse, one write key: one snapshot, and one is told it was done', async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    const { lake: other } = openedLake(warehouseDir)
    const both = [lake, other].flatMap(one =>
      [1, 2, 3].map(() => one.append(items, { select: itemRows({ a: 1 }), writeKey: 'w' })),
    )
    const results = await Promise.all(both)
    expect(results.filter(result => !result.alreadyDone)).toHaveLength(1)
    expect(new Set(results.map(result => result.snapshotId)).size).toBe(1)
    expect(await stocks(other)).toEqual({ a: 1 })
  })

  test('stages and publishes of several vendors meet: each ends published, once', async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    const { lake: other } = openedLake(warehouseDir)
    const chain = async (one: typeof lake, vendor: string) => {
      for (const stock of [1, 2, 3]) {
        const write = { branch: vendor, writeKey: `${vendor}-${stock}` }
        const rows = itemRows({ [vendor]: stock, [`${vendor}-x`]: stock }, vendor)
        await one.stage(items, { ...write, rows, keyColumns: ['sku'], scope: `vendor = '${vendor}'` })
        expect(await one.publish(items, write)).toMatchObject({ outcome: 'published' })
      }
    }
    await Promise.all([chain(lake, 'acme'), chain(other, 'bolt'), chain(lake, 'crane'), chain(other, 'drill')])
    const expected = ['acme', 'bolt', 'crane', 'drill'].flatMap(vendor => [vendor, `${vendor}-x`])
    expect(await stocks(lake)).toEqual(Object.fromEntries(expected.map(sku => [sku, 3])))
    expect(await lake.history(items)).toHaveLength(12)
  })

  test('three processes append at once: all rows arrive, the shared write key once', { timeout: 30_000 }, async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    const outputs = await Promise.all(['p1', 'p2', 'p3'].map(name => linesOf(writer(warehouseDir, name, 5))))
    expect(outputs.map(lines => lines[0]).sort()).toEqual(['shared done', 'shared was done', 'shared was done'])
    expect(Object.keys(await stocks(lake))).toHaveLength(16)
    expect(await lake.history(items)).toHaveLength(16)
  })

  test('two writers of ours and two of PyIceberg, fifty commits each at once: none is lost, none is overwritten', {
    timeout: 180_000,
  }, async () => {
    requirePyIceberg()
    const { lake, warehouseDir } = await lakeWithItems()
    const table = `${items.namespace}.${items.name}`
    const each = 50
    const [ours, theirs] = await Promise.all([
      Promise.all([linesOf(writer(warehouseDir, 'n1', each - 1)), linesOf(replacer(warehouseDir, 'n2', each))]),
      Promise.all(['p1', 'p2'].map(name => pyiceberg(warehouseDir, 'commits', table, name, String(each)))),
    ])
    expect(ours.map(lines => lines.length)).toEqual([each, each])
    expect(theirs).toMatchObject([{ commits: each }, { commits: each }])
    const found = await stocks(lake)
    const own = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name}-${n}`)
    const expected = [
      ...own('n1', each - 1),
      ...own('n2', each),
      ...own('p1', each),
      ...own('p2', each),
      'shared',
      'counter',
    ]
    expect(Object.keys(found).sort()).toEqual(expected.sort())
    expect(found['counter'], 'the last of those that replaced it').toBe(each - 1)
    expect(await lake.history(items), 'one snapshot per commit').toHaveLength(4 * each)
    const [seen] = await pyiceberg<number[]>(warehouseDir, 'count', table, 'stock >= 0')
    expect(seen, 'PyIceberg sees the same').toBe(expected.length)
  })

  test('a process killed while it writes: what it said is there, nothing is half there, others go on', {
    timeout: 30_000,
  }, async () => {
    const { lake, warehouseDir } = await lakeWithItems()
    const killed = writer(warehouseDir, 'p', 1_000)
    const said = linesOf(killed)
    for (let lines = 0; lines < 5; )
      lines += String(await once(killed.stdout, 'data'))
        .trim()
        .split('\n').length
    killed.kill('SIGKILL')
    const done = (await said).map(line => line.split(' ')[0])
    const found = Object.keys(await stocks(lake))
    expect(found).toEqual(expect.arrayContaining(done))
    expect(found.length - done.length).toBeLessThanOrEqual(1)
    expect(await lake.history(items)).toHaveLength(found.length)
    expect(await lake.append(items, { select: itemRows({ after: 1 }), writeKey: 'after' })).toMatchObject({
      addedRows: 1,
    })
  })
})
