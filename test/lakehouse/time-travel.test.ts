import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { expectFailure, itemRows, items, lakeWithItems } from './harness.ts'

const table = 'product_raw.acme_items'

async function lakeWithHistory() {
  const { lake } = await lakeWithItems()
  const ids: string[] = []
  for (const [key, stocks] of Object.entries({ w1: { a: 1 }, w2: { b: 2 }, w3: { c: 3 } })) {
    ids.push((await lake.append(items, { select: itemRows(stocks), writeKey: key })).snapshotId)
    await sleep(5)
  }
  const times = (await lake.history(items)).map(({ timestampMs }) => timestampMs).reverse()
  const read = async (sql: string) => (await lake.query(sql)).rows
  return { lake, ids, times, read }
}

describe('time travel', () => {
  test('a table is read as it was at a snapshot, by number, by text and beside itself as it is', async () => {
    const { ids, read } = await lakeWithHistory()
    expect(await read(`SELECT sku FROM ${table} AT (VERSION => ${ids[0]})`)).toEqual([['a']])
    expect(await read(`SELECT count(*) FROM acme_items AT (VERSION => '${ids[1]}')`)).toEqual([[2]])
    const gained = `SELECT now.sku FROM ${table} AS now ANTI JOIN ${table} AS was AT (VERSION => ${ids[1]}) USING (sku)`
    expect(await read(gained)).toEqual([['c']])
    expect(await read(`SELECT acme_items.sku FROM ${table} AT (VERSION => ${ids[0]})`)).toEqual([['a']])
  })

  test('a table is read as it was at a time, which any expression without columns may say', async () => {
    const { times, read } = await lakeWithHistory()
    const at = (timeMs: number) => new Date(timeMs).toISOString()
    expect(await read(`SELECT count(*) FROM ${table} AT (TIMESTAMP => '${at(times[1]!)}')`)).toEqual([[2]])
    expect(await read(`SELECT count(*) FROM ${table} AT (TIMESTAMP => '${at(times[2]! - 1)}')`)).toEqual([[2]])
    expect(await read(`SELECT count(*) FROM ${table} AT (TIMESTAMP => now() + INTERVAL 1 DAY)`)).toEqual([[3]])
  })

  test('a branch is a version, and rows that were replaced are there before they were', async () => {
    const { lake, ids, read } = await lakeWithHistory()
    const staged = { branch: 'b', writeKey: 'w4', rows: itemRows({ a: 9 }), keyColumns: ['sku'] }
    await lake.stage(items, staged)
    expect(await read(`SELECT stock FROM ${table} AT (VERSION => 'b') WHERE sku = 'a'`)).toEqual([[9]])
    await lake.publish(items, staged)
    expect(await read(`SELECT stock FROM ${table} WHERE sku = 'a'`)).toEqual([[9]])
    expect(await read(`SELECT stock FROM ${table} AT (VERSION => ${ids[2]}) WHERE sku = 'a'`)).toEqual([[1]])
  })

  test('columns are those of the time', async () => {
    const { lake, ids } = await lakeWithHistory()
    await lake.addColumns(items, [{ name: 'note', type: 'string', required: false }])
    const { columns } = await lake.query(`SELECT * FROM ${table} AT (VERSION => ${ids[0]})`)
    expect(columns.map(({ name }) => name)).toEqual(['sku', 'stock', 'vendor'])
    expect((await lake.query(`SELECT * FROM ${table}`)).columns).toHaveLength(4)
  })

  test('the snapshots of a table are a table', async () => {
    const { ids, read } = await lakeWithHistory()
    const listed = await read(
      `SELECT snapshot_id::VARCHAR, operation, is_current, summary->>'$."aiworkflow.write-key"' FROM ${table}.snapshots ORDER BY committed_at`,
    )
    expect(listed).toEqual(ids.map((id, index) => [id, 'append', index === 2, `w${index + 1}`]))
  })

  test('what the table never had or has no longer is said with what there is, and with the way to see it', async () => {
    const { lake, ids, times } = await lakeWithHistory()
    const at = (clause: string) => lake.query(`SELECT * FROM ${table} AT (${clause})`)
    await expectFailure(
      at('VERSION => 7'),
      'SNAPSHOT_MISSING',
      new RegExp(`has no snapshot 7: .*expired. It has ${ids[2]}`),
    )
    await expectFailure(at(`VERSION => 'audit'`), 'SNAPSHOT_MISSING', /no branch or tag "audit"/)
    const early = new Date(times[0]! - 1).toISOString()
    await expectFailure(at(`TIMESTAMP => '${early}'`), 'SNAPSHOT_MISSING', /no snapshot as old as/)
    await expectFailure(at(`TIMESTAMP => NULL`), 'QUERY_FAILED', /has no value/)
    await expectFailure(at(`TIMESTAMP => 'yesterday'`), 'QUERY_FAILED')
    await expectFailure(at(`VERSION => (SELECT max(a) FROM read_csv('/etc/passwd'))`), 'QUERY_REFUSED')
    await expectFailure(lake.query('SELECT * FROM product_raw.none AT (VERSION => 1)'), 'TABLE_MISSING')
    await expect(lake.query(`SELECT * FROM ${table} VERSION AS OF 1`)).rejects.toMatchObject({
      code: 'QUERY_FAILED',
      wayOut: expect.stringContaining('AT (VERSION => 123)'),
    })
  })
})
