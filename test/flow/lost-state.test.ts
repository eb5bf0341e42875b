/** Half of a workspace is gone: the state without the warehouse, or the warehouse without the state. */
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { orphans } from '../../src/telemetry/orphans.ts'
import { keeps } from '../promises.ts'
import { csv, deliveryOf, product, products, spansOf, statesOf, workspaceWith } from './support.ts'
import { unbalanced } from './workspace.ts'

const first = 'acme/products-2026-01-10.csv'
const second = 'acme/products-2026-01-17.csv'
const files = {
  [first]: csv([...products(1, 6), product(7, { price: 'call us' }), product(8, { price: '-5.00' })]),
  [second]: csv([product(2, { price: '9.00' }), product(9)]),
}
const published = { [first]: 'published', [second]: 'published' }

keeps('P1', 'P2')(
  'the state is deleted and the warehouse stays: what was loaded is found, nothing is doubled, nothing fails',
  async () => {
    const workspace = await workspaceWith(files)
    expect(statesOf(await workspace.run())).toEqual(published)
    const contents = async () => [
      await workspace.query('SELECT product_id, list_price, _delivery_id FROM product_core.product ORDER BY 1'),
      await workspace.query('SELECT sku, price, _delivery_id FROM product_raw.acme_products ORDER BY ALL'),
      await workspace.query('SELECT stage, delivery_id, raw_record FROM product_raw.ingest_errors ORDER BY ALL'),
    ]
    const before = await contents()

    await rm(join(workspace.dir, '.aiworkflow'), { recursive: true })
    const summary = await workspace.run()
    expect(statesOf(summary)).toEqual(published)
    expect(unbalanced(summary)).toEqual([])
    expect(await contents()).toEqual(before)
    expect(orphans(await spansOf(workspace, deliveryOf(summary, first).runId))).toEqual([])
    const { branches } = await workspace.with(({ lakehouse }) =>
      lakehouse.loadTable({ namespace: 'product_core', name: 'product' }),
    )
    expect(Object.keys(branches)).toEqual(['main'])
  },
)

keeps('P1')(
  'the warehouse is gone and the state stays: a run says so and loads nothing, until it is back',
  async () => {
    const workspace = await workspaceWith({ [first]: files[first]! })
    await workspace.run()
    const warehouse = join(workspace.dir, 'warehouse')
    await rename(warehouse, `${warehouse}-elsewhere`)
    await workspace.land(second, files[second]!)

    await expect(workspace.run()).rejects.toMatchObject({
      code: 'TABLE_MISSING',
      message: expect.stringMatching(/no tables, though 1 delivery was loaded/),
      wayOut: expect.stringContaining('lakehouse.warehouse'),
    })

    await rm(warehouse, { recursive: true })
    await rename(`${warehouse}-elsewhere`, warehouse)
    expect(statesOf(await workspace.run())).toEqual({ [first]: 'duplicate', [second]: 'published' })
  },
)
