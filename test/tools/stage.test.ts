import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Delivery } from '../../contracts/data/delivery.ts'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import { columns, contract, core, mapped, mapping, type Stage, staging, standard, vendor } from './core.ts'
import { contractOf, type Lake, openLake, openLakeAt, runOf, traceId } from './lake.ts'

async function deliver(lake: Lake, text: string, run: number, of: FeedContract = contract): Promise<Delivery> {
  const delivery = lake.deliver(`sku,title,price\n${text}`, { feed: { vendor: of.vendor, table: of.table } })
  await lake.load(of, delivery, runOf(run))
  return delivery
}

async function publish(lake: Lake, input: Stage) {
  const { counts, branch } = await lake.call('stage_core', input)
  expect(counts.bronze).toBe(counts.staged + counts.superseded + counts.supersededLater + counts.rejected)
  expect((await lake.call('publish', { table: core, branch, writeKey: input.writeKey })).outcome).toBe('published')
  return counts
}
const coreRows = (lake: Lake) =>
  lake.rows('SELECT _vendor_name, product_id, product_name FROM product_core.product ORDER BY ALL')

describe('staging core rows', () => {
  test('rows are mapped onto a branch of the run; main has none of them', async () => {
    const lake = await openLake()
    const delivery = await deliver(lake, 'A,Anvil,1.00\nB,Bolt,\n', 1)
    const staged = await lake.call('stage_core', staging(delivery, 1))
    const counts = { bronze: 2, staged: 2, superseded: 0, supersededLater: 0, rejected: 0 }
    expect(staged).toMatchObject({ table: core, branch: `stage_${runOf(1)}`, counts, alreadyDone: false })
    const sql =
      'SELECT product_id, product_name, price_amount, _vendor_name, _delivery_id, _run_id, _mapping_version, _standard_version FROM product_core.product ORDER BY 1'
    expect(await lake.rows(sql)).toEqual([])
    const { rows } = await lake.call('query', { sql, branches: { 'product_core.product': staged.branch } })
    expect(rows).toEqual([
      ['A', 'Anvil', '1.00', 'acme', delivery.id, runOf(1), 1, '3.2.1'],
      ['B', 'Bolt', null, 'acme', delivery.id, runOf(1), 1, '3.2.1'],
    ])
    const found = await lake.call('find_write', { table: core, writeKey: 'core 1', branch: staged.branch })
    expect(found.summary).toMatchObject({
      'aiworkflow.run-id': runOf(1),
      'aiworkflow.delivery-id': delivery.id,
      'aiworkflow.trace-id': traceId,
    })
    const kept = readFileSync(path.join(lake.workspace, '.aiworkflow/runs', runOf(1), 'stage.sql'), 'utf8')
    expect(kept).toContain('price.positive')
  })

  test('of rows of one key the last in the file stays; broken rules and missing keys go to the errors with their record', async () => {
    const lake = await openLake()
    const delivery = await deliver(lake, 'A,first,1.00\nB,Bolt,-1.00\nA,last,2.00\n,Nobody,1.00\n', 1)
    const { counts } = await lake.call('stage_core', staging(delivery, 1))
    expect(counts).toEqual({ bronze: 4, staged: 1, superseded: 1, supersededLater: 0, rejected: 2 })
    const errors = await lake.rows(
      `SELECT record_number, rule_id, owner, raw_record FROM product_raw.ingest_errors WHERE stage = 'core' ORDER BY 1`,
    )
    expect(errors).toEqual([
      [2, 'price.positive', 'stewards', '{"sku":"B","title":"Bolt","price":-1.0}'],
      [4, 'required.product_id', 'stewards', '{"sku":null,"title":"Nobody","price":1.0}'],
    ])
    await lake.call('publish', { table: core, branch: `stage_${runOf(1)}`, writeKey: 'core 1' })
    expect(await coreRows(lake)).toEqual([['acme', 'A', 'last']])
  })

  test('the same write again, before and after publishing and from another process: the same answer, nothing written', async () => {
    const lake = await openLake()
    const delivery = await deliver(lake, 'A,Anvil,1.00\nB,Bolt,-1.00\n', 1)
    const first = await lake.call('stage_core', staging(delivery, 1))
    const other = await openLakeAt(lake.workspace)
    for (const each of [lake, other])
      expect(await each.call('stage_core', staging(delivery, 1))).toEqual({ ...first, alreadyDone: true })
    await lake.call('publish', { table: core, branch: first.branch, writeKey: 'core 1' })
    expect(await other.call('stage_core', staging(delivery, 1))).toEqual({ ...first, alreadyDone: true })
    expect(await lake.rows(`SELECT count(*) FROM product_raw.ingest_errors`)).toEqual([[1]])
  })

  test('a crash between errors and branch: nothing is staged twice, the errors are there once', async () => {
    const lake = await openLake()
    const delivery = await deliver(lake, 'A,Anvil,1.00\nB,Bolt,-1.00\n', 1)
    const stage = lake.lakehouse.stage
    const dying = lake.lakehouse as { stage: typeof stage }
    dying.stage = () => Promise.reject(new Error('kill -9'))
    await expect(lake.call('stage_core', staging(delivery, 1))).rejects.toThrow('kill -9')
    dying.stage = stage
    expect(await publish(lake, staging(delivery, 1))).toMatchObject({ staged: 1, rejected: 1 })
    expect(await lake.rows(`SELECT count(*) FROM product_raw.ingest_errors`)).toEqual([[1]])
  })

  test('a later delivery replaces rows of its keys and keeps the others; another vendor keeps its own', async () => {
    const lake = await openLake()
    const others = contractOf(columns, { vendor: 'zeta' })
    const foreign = await deliver(lake, 'A,Zeta,1.00\n', 9, others)
    await publish(
      lake,
      staging(foreign, 9, {
        contract: others,
        vendor: { ...vendor, vendor: 'zeta' },
        mapping: { ...mapping, vendor: 'zeta' },
      }),
    )
    await publish(lake, staging(await deliver(lake, 'A,old,1.00\nB,kept,1.00\n', 1), 1))
    await publish(lake, staging(await deliver(lake, 'A,new,1.00\n', 2), 2))
    expect(await coreRows(lake)).toEqual([
      ['acme', 'A', 'new'],
      ['acme', 'B', 'kept'],
      ['zeta', 'A', 'Zeta'],
    ])
  })

  test('a full delivery takes the rows of those it replaces along', async () => {
    const lake = await openLake()
    const first = await deliver(lake, 'A,old,1.00\nB,gone,1.00\n', 1)
    await publish(lake, staging(first, 1))
    await publish(lake, staging(await deliver(lake, 'A,new,1.00\n', 2), 2, { replacedDeliveries: [first.id] }))
    expect(await coreRows(lake)).toEqual([['acme', 'A', 'new']])
  })

  test('made again after a mapping changed, an older delivery leaves the keys of later ones alone', async () => {
    const lake = await openLake()
    const first = await deliver(lake, 'A,old,1.00\nB,Bolt,1.00\nC,Cog,1.00\n', 1)
    await publish(lake, staging(first, 1))
    const second = await deliver(lake, 'A,new,1.00\n', 2)
    await publish(lake, staging(second, 2))
    const remapped = {
      ...mapping,
      version: 2,
      columns: [...mapping.columns.slice(0, 1), mapped('product_name', 'upper(title)')],
    }
    const counts = await publish(lake, staging(first, 3, { mapping: remapped, laterDeliveries: [second.id] }))
    expect(counts).toEqual({ bronze: 3, staged: 2, superseded: 0, supersededLater: 1, rejected: 0 })
    expect(await coreRows(lake)).toEqual([
      ['acme', 'A', 'new'],
      ['acme', 'B', 'BOLT'],
      ['acme', 'C', 'COG'],
    ])
  })

  test('two runs stage at once on branches of their own and both are published', async () => {
    const lake = await openLake()
    const others = contractOf(columns, { vendor: 'zeta' })
    const own = await deliver(lake, 'A,Anvil,1.00\n', 1)
    const foreign = await deliver(lake, 'A,Zeta,1.00\n', 2, others)
    const inputs = [
      staging(own, 1),
      staging(foreign, 2, {
        contract: others,
        vendor: { ...vendor, vendor: 'zeta' },
        mapping: { ...mapping, vendor: 'zeta' },
      }),
    ]
    await Promise.all(inputs.map(input => lake.call('stage_core', input)))
    for (const input of inputs) await publish(lake, input)
    expect(await coreRows(lake)).toHaveLength(2)
  })

  test('a wider standard adds its columns to the core table', async () => {
    const lake = await openLake()
    await publish(lake, staging(await deliver(lake, 'A,Anvil,1.00\n', 1), 1))
    const brand = { ...standard.columns[1]!, name: 'brand' }
    const wider = { ...standard, version: '3.3.0', columns: [...standard.columns, brand] }
    await publish(lake, staging(await deliver(lake, 'B,Bolt,1.00\n', 2), 2, { standard: wider }))
    expect(await lake.rows('SELECT product_id, brand, _standard_version FROM product_core.product ORDER BY 1')).toEqual(
      [
        ['A', null, '3.2.1'],
        ['B', null, '3.3.0'],
      ],
    )
  })

  test('an expression that the catalog should not hold is refused with its owner', async () => {
    const lake = await openLake()
    const delivery = await deliver(lake, 'A,Anvil,1.00\n', 1)
    const bad = { ...mapping, columns: [mapped('product_id', `(SELECT content FROM read_text('/etc/passwd'))`)] }
    await expect(lake.call('stage_core', staging(delivery, 1, { mapping: bad }))).rejects.toMatchObject({
      code: 'EXPRESSION_REFUSED',
      owner: 'acme-team',
    })
  })

  test('contract and mapping are projected once for all runs', async () => {
    const lake = await openLake()
    await publish(lake, staging(await deliver(lake, 'A,Anvil,1.00\n', 1), 1))
    await publish(lake, staging(await deliver(lake, 'B,Bolt,1.00\n', 2), 2))
    expect(await lake.rows('SELECT version FROM product_meta.contracts')).toEqual([[1]])
    expect(await lake.rows('SELECT version FROM product_meta.mappings')).toEqual([[1]])
  })
})
