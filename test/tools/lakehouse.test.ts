import { describe, expect, test } from 'vitest'
import { projectRun } from '../../src/tools/lakehouse/projection.ts'
import { column, contractOf, type Lake, openLake, runOf } from './lake.ts'

const core = { namespace: 'product_core', name: 'product' }
const raw = { namespace: 'product_raw', name: 'acme_products' }
const contract = contractOf([column('sku')])

/** A core table with one published row, and two more staged. */
async function staged(lake: Lake) {
  const columns = [{ name: 'sku', type: 'string' as const, required: true }]
  await lake.lakehouse.createTable(core, { columns })
  await lake.lakehouse.append(core, { select: `SELECT 'A' AS sku`, writeKey: 'w0' })
  const rows = `SELECT unnest(['A', 'B']) AS sku`
  await lake.lakehouse.stage(core, {
    branch: 'stage_r',
    rows,
    keyColumns: ['sku'],
    writeKey: 'w1',
    summary: { note: 'x' },
  })
}

describe('reading', () => {
  test('a statement reads all tables; a branch is read where it is named, and main otherwise', async () => {
    const lake = await openLake()
    await staged(lake)
    const sql = 'SELECT sku FROM product_core.product ORDER BY 1'
    expect(await lake.call('query', { sql })).toEqual({ columns: [{ name: 'sku', type: 'VARCHAR' }], rows: [['A']] })
    const branches = { 'product_core.product': 'stage_r' }
    expect((await lake.call('query', { sql, branches })).rows).toEqual([['A'], ['B']])
    expect((await lake.call('query', { sql, branches, limit: 1 })).rows).toEqual([['A']])
    const gone = lake.call('query', { sql, branches: { 'product_core.product': 'nowhere' } })
    await expect(gone).rejects.toMatchObject({ code: 'BRANCH_MISSING' })
  })

  test('nested values are JSON text', async () => {
    const lake = await openLake()
    expect(await lake.rows(`SELECT [1, 2] AS list, {'a': 'x'} AS struct, 9007199254740993 AS big`)).toEqual([
      ['[1,2]', '{"a":"x"}', '9007199254740993'],
    ])
  })

  test.each([
    ['DROP TABLE product_core.product', 'QUERY_REFUSED'],
    ['SELECT 1; SELECT 2', 'QUERY_REFUSED'],
    [`SELECT * FROM read_csv('/etc/passwd')`, 'QUERY_REFUSED'],
    [`SELECT * FROM '/etc/passwd'`, 'QUERY_REFUSED'],
    [`COPY (SELECT 1) TO '/tmp/x.csv'`, 'QUERY_REFUSED'],
    ['SELECT nothing FROM product_core.product', 'QUERY_FAILED'],
    ['SELECT * FROM product_core.nothing', 'TABLE_MISSING'],
  ])('%s is %s', async (sql, code) => {
    const lake = await openLake()
    await staged(lake)
    await expect(lake.call('query', { sql })).rejects.toMatchObject({ code })
  })

  test('a write is found in main or on its branch; where there is no table or branch, there is no write', async () => {
    const lake = await openLake()
    await staged(lake)
    expect((await lake.call('find_write', { table: core, writeKey: 'w0' })).snapshotId).toMatch(/^\d+$/)
    expect(await lake.call('find_write', { table: core, writeKey: 'w1' })).toEqual({ snapshotId: null, summary: {} })
    const found = await lake.call('find_write', { table: core, writeKey: 'w1', branch: 'stage_r' })
    expect(found.summary).toMatchObject({ note: 'x', 'aiworkflow.write-key': 'w1', 'added-records': '2' })
    for (const nowhere of [
      { table: raw, writeKey: 'w0' },
      { table: core, writeKey: 'w1', branch: 'nowhere' },
    ])
      expect(await lake.call('find_write', nowhere)).toEqual({ snapshotId: null, summary: {} })
  })

  test('history: the newest first, with the rows that main has now', async () => {
    const lake = await openLake()
    await staged(lake)
    await lake.call('publish', { table: core, branch: 'stage_r', writeKey: 'w1' })
    const { snapshots, records } = await lake.call('table_history', { table: core })
    expect(snapshots.map(each => each.summary['aiworkflow.write-key'])).toEqual(['w1', 'w0'])
    expect(records).toBe(2)
    expect((await lake.call('table_history', { table: core, limit: 1 })).snapshots).toHaveLength(1)
    await expect(lake.call('table_history', { table: raw })).rejects.toMatchObject({ code: 'TABLE_MISSING' })
  })
})

describe('publishing', () => {
  const publishing = { table: core, branch: 'stage_r', writeKey: 'w1' }

  test('a branch is published once; asked again it was published already', async () => {
    const lake = await openLake()
    await staged(lake)
    const first = await lake.call('publish', publishing)
    expect(first.outcome).toBe('published')
    expect(await lake.call('publish', publishing)).toEqual({ outcome: 'already', snapshotId: first.snapshotId })
    expect(await lake.rows('SELECT sku FROM product_core.product ORDER BY 1')).toEqual([['A'], ['B']])
  })

  test('a discarded branch is gone and main is as it was', async () => {
    const lake = await openLake()
    await staged(lake)
    expect(await lake.call('discard_branch', { table: core, branch: 'stage_r' })).toEqual({ discarded: true })
    expect(await lake.call('discard_branch', { table: core, branch: 'stage_r' })).toEqual({ discarded: false })
    await expect(lake.call('publish', publishing)).rejects.toMatchObject({ code: 'BRANCH_MISSING' })
    expect(await lake.rows('SELECT sku FROM product_core.product')).toEqual([['A']])
  })

  test('only core tables have branches to publish or discard', async () => {
    const lake = await openLake()
    await lake.call('create_table', { contract })
    for (const work of [
      lake.call('publish', { ...publishing, table: raw }),
      lake.call('discard_branch', { table: raw, branch: 'main' }),
    ])
      await expect(work).rejects.toMatchObject({ code: 'TOOL_FORBIDDEN' })
    await expect(lake.call('discard_branch', { table: core, branch: 'main' })).rejects.toMatchObject({
      code: 'TABLE_INCOMPATIBLE',
    })
  })
})

test('contracts, mappings and decisions are there to query, each version and run once', async () => {
  const lake = await openLake()
  const mapping = {
    vendor: 'acme',
    table: 'products',
    version: 1,
    owner: 'stewards',
    standard: { name: 'product', version: '3.2.1' },
    contractVersion: 1,
    region: 'eu',
    columns: [],
    createdAt: '2026-11-24T00:00:00.000Z',
  }
  const decision = (runId: string) => ({
    id: `x_${runId}`,
    runId,
    feed: { vendor: 'acme', table: 'products' },
    agent: 'planner',
    question: `it's "odd"`,
    answer: 'v1',
    step: 'evidence' as const,
    confidence: 0.5,
    evidence: ['a', 'b'],
    by: 'planner',
    costMicros: 0,
    at: '2026-11-24T00:00:00.000Z',
  })
  const project = (runId: string, version = 1) =>
    projectRun(lake.lakehouse, { runId, contract: { ...contract, version }, mapping, decisions: [decision(runId)] })
  await project(runOf(1))
  await project(runOf(1))
  await project(runOf(2), 2)
  expect(await lake.rows('SELECT vendor_name, version, owner FROM product_meta.contracts ORDER BY 2')).toEqual([
    ['acme', 1, 'acme-team'],
    ['acme', 2, 'acme-team'],
  ])
  expect(await lake.rows('SELECT document FROM product_meta.mappings')).toEqual([[JSON.stringify(mapping)]])
  expect(
    await lake.rows('SELECT run_id, question, confidence, evidence, decided_at FROM product_meta.decisions ORDER BY 1'),
  ).toEqual([1, 2].map(number => [runOf(number), `it's "odd"`, 0.5, '["a","b"]', '2026-11-24T00:00:00Z']))
})
