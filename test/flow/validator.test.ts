/** The validator believes nobody: what was tampered with between the agents, it refuses, and main stays as it was. */
import { expect } from 'vitest'
import type { RunSummary } from '../../src/cli/chain.ts'
import { replay } from '../../src/cli/replay.ts'
import type { OpenOptions } from '../../src/cli/workspace.ts'
import type { Lakehouse } from '../../src/lakehouse/lakehouse.ts'
import { keeps } from '../promises.ts'
import {
  csv,
  deliveryOf,
  product,
  products,
  rowsOf,
  setting,
  skuOf,
  statesOf,
  withCheck,
  workspaceWith,
} from './support.ts'
import type { TestWorkspace } from './workspace.ts'

const [first, second] = [10, 11].map(day => `acme/products-2026-01-${day}.csv`) as [string, string]
const bronze = { namespace: 'product_raw', name: 'acme_products' }

/** One delivery published as it should be, and a second one that goes through somebody's hands. */
async function tampered(
  options: OpenOptions,
): Promise<{ workspace: TestWorkspace; before: RunSummary; summary: RunSummary }> {
  const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
  const before = await workspace.run()
  await workspace.land(second, csv(products(21, 60)))
  return { workspace, before, summary: await workspace.run(options) }
}

/** The second delivery is refused for these reasons and core is as it was. */
function expectRefusal({ before, summary }: { before: RunSummary; summary: RunSummary }, ...codes: string[]): void {
  const { state, reasons = [] } = deliveryOf(summary, second)
  expect(state, JSON.stringify(deliveryOf(summary, second))).toBe('refused')
  expect(reasons.map(({ code }) => code)).toEqual(expect.arrayContaining(codes))
  for (const { message, owner, wayOut } of reasons) {
    expect(message).toMatch(/\d/)
    expect(owner).not.toBe('')
    expect(wayOut).toMatch(/\w{3}/)
  }
  const core = (from: RunSummary) => from.tables.find(({ name }) => name === 'product_core.product')
  expect(core(summary)).toEqual(core(before))
}

/** Somebody else's hands on the rows that are about to be written to a table. */
const doctoredAppend = (change: (select: string) => string): OpenOptions => ({
  lakehouse: lakehouse => ({
    ...lakehouse,
    append: (table, write) =>
      lakehouse.append(table, table.name === bronze.name ? { ...write, select: change(write.select) } : write),
  }),
})
const doctoredStage = (change: (rows: string) => string): OpenOptions => ({
  lakehouse: lakehouse => ({
    ...lakehouse,
    stage: (table, write) =>
      lakehouse.stage(table, table.namespace === 'product_core' ? { ...write, rows: change(write.rows) } : write),
  }),
})

/** A vandal with a proper Iceberg client: takes one row out of bronze. */
async function deleteRow(lakehouse: Lakehouse, sku: string): Promise<void> {
  const rows = await lakehouse.relation(bronze)
  await lakehouse.stage(bronze, {
    branch: 'vandal',
    writeKey: `vandal-${sku}`,
    rows: `SELECT * FROM ${rows} WHERE false`,
    keyColumns: ['sku'],
    alsoDelete: `sku = '${sku}'`,
  })
  await lakehouse.publish(bronze, { branch: 'vandal', writeKey: `vandal-${sku}` })
}

/** The vandal comes once, when modeling stages the second delivery: before it reads bronze, or after it has. */
function vandalised(when: 'before' | 'after'): OpenOptions {
  let done = false
  return {
    lakehouse: lakehouse => ({
      ...lakehouse,
      stage: async (table, write) => {
        const strikes = !done && table.namespace === 'product_core'
        done ||= strikes
        if (strikes && when === 'before') await deleteRow(lakehouse, skuOf(45))
        const staged = await lakehouse.stage(table, write)
        if (strikes && when === 'after') await deleteRow(lakehouse, skuOf(45))
        return staged
      },
    }),
  }
}

keeps('P1')(
  'a row deleted from bronze after modeling read it: refused, source and bronze no longer agree',
  async () => {
    const tampering = await tampered(vandalised('after'))
    expect(rowsOf(tampering.summary, 'product_raw.acme_products')).toBe(69)
    expectRefusal(tampering, 'BRONZE_UNBALANCED', 'CORE_UNBALANCED')
  },
)

keeps('P1')('a row deleted from bronze while modeling stages: refused, source and bronze no longer agree', async () => {
  expectRefusal(await tampered(vandalised('before')), 'BRONZE_UNBALANCED')
})

keeps('P1')(
  'a record dropped by a doctored loader, which reports what it wrote: refused by a count of the source',
  async () => {
    const tampering = await tampered(doctoredAppend(select => `SELECT * FROM (${select}) WHERE sku <> '${skuOf(45)}'`))
    expect(rowsOf(tampering.summary, 'product_raw.acme_products')).toBe(69)
    expectRefusal(tampering, 'BRONZE_UNBALANCED')
  },
)

keeps('P1', 'P2')(
  'a record doubled by a doctored loader: refused, though one key would have hidden it in core',
  async () => {
    const tampering = await tampered(
      doctoredAppend(
        select => `SELECT * FROM (${select}) UNION ALL SELECT * FROM (${select}) WHERE sku = '${skuOf(45)}'`,
      ),
    )
    expect(rowsOf(tampering.summary, 'product_raw.acme_products')).toBe(71)
    expectRefusal(tampering, 'BRONZE_UNBALANCED')
  },
)

keeps('P1')('a row dropped on its way to the staged branch: refused, bronze and core do not add up', async () => {
  expectRefusal(
    await tampered(doctoredStage(rows => `SELECT * FROM (${rows}) WHERE product_id <> '${skuOf(45)}'`)),
    'CORE_UNBALANCED',
  )
})

keeps('P1', 'P2')('a staged row under the key of another: as many rows as there should be, and refused', async () => {
  const forged = `CASE WHEN product_id = '${skuOf(45)}' THEN '${skuOf(46)}' ELSE product_id END AS product_id`
  expectRefusal(await tampered(doctoredStage(rows => `SELECT * REPLACE (${forged}) FROM (${rows})`)), 'CORE_ALTERED')
})

keeps('P1')('a staged row with another price than the source says: refused', async () => {
  const forged = `CASE WHEN product_id = '${skuOf(45)}' THEN 0.01 ELSE list_price END AS list_price`
  expectRefusal(await tampered(doctoredStage(rows => `SELECT * REPLACE (${forged}) FROM (${rows})`)), 'CORE_ALTERED')
})

keeps('P1')(
  'after a refusal: a replay by honest hands cannot mend what bronze has lost, and says so again',
  async () => {
    const tampering = await tampered(vandalised('after'))
    const again = await tampering.workspace.run()
    expect(rowsOf(again, 'product_core.product')).toBe(30)
    expect(statesOf(again)[second]).not.toBe('published')
  },
)

keeps('P7')(
  'a check over the whole table that fails refuses the delivery; once the rule is mended the next run publishes it',
  async () => {
    const workspace = await workspaceWith({
      [first]: csv(products(1, 30).map(record => ({ ...record, price: '250000.00' }))),
    })
    const refused = await workspace.run()
    const { state, reasons = [] } = deliveryOf(refused, first)
    expect(state).toBe('refused')
    expect(reasons).toEqual([
      expect.objectContaining({
        code: 'CHECK_FAILED',
        owner: 'pricing',
        wayOut: expect.stringContaining('list-price-average-plausible'),
      }),
    ])
    expect(rowsOf(refused, 'product_core.product') ?? 0).toBe(0)

    await workspace.edit('rules/quality.yaml', text =>
      text.replace('avg(list_price) < 100000', 'avg(list_price) < 1000000'),
    )
    const mended = await workspace.run()
    expect(deliveryOf(mended, first)).toMatchObject({ state: 'published', rowsPublished: 30 })
    expect(rowsOf(mended, 'product_core.product')).toBe(30)
  },
)

keeps('P7')('a refusing check on rows names the rows that break it and passes once policy tolerates them', async () => {
  const rule = (tolerated: number) =>
    `{id: named, column: product_name, expression: "product_name <> 'Lamp number 7'", severity: refuse, toleratedFraction: ${tolerated}, message: A bad name., owner: ada}`
  const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
  await workspace.edit('rules/quality.yaml', withCheck(rule(0)))
  const refused = deliveryOf(await workspace.run(), first)
  expect(refused.state).toBe('refused')
  expect(refused.reasons).toEqual([
    expect.objectContaining({ code: 'CHECK_FAILED', owner: 'ada', message: expect.stringContaining(skuOf(7)) }),
  ])
  await workspace.edit('rules/quality.yaml', text => text.replace(rule(0), rule(0.1)))
  expect(deliveryOf(await workspace.run(), first)).toMatchObject({ state: 'published', rowsPublished: 30 })
})

keeps('P1', 'P7')(
  'more records in error than policy tolerates: refused with the share, published once policy tolerates it',
  async () => {
    const broken = Array.from({ length: 8 }, (_, at) => product(31 + at, { price: '-1.00' }))
    const workspace = await workspaceWith({ [first]: csv([...products(1, 30), ...broken]) })
    await workspace.edit('policies/autonomy.yaml', setting('toleratedErrorFraction', 0.02))
    const refused = await workspace.run()
    expect(deliveryOf(refused, first)).toMatchObject({
      state: 'refused',
      rowsLoaded: 38,
      rowsRejectedInCore: 8,
      reasons: [expect.objectContaining({ code: 'TOO_MANY_ERRORS', message: expect.stringContaining('2 %') })],
    })
    expect(rowsOf(refused, 'product_core.product') ?? 0).toBe(0)
    await workspace.edit('policies/autonomy.yaml', setting('toleratedErrorFraction', 0.5))
    await workspace.with(place => replay(place, deliveryOf(refused, first).runId))
    expect(deliveryOf(await workspace.run(), first)).toMatchObject({ state: 'published', rowsPublished: 30 })
  },
)
