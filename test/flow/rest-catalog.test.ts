/** The chain over an Iceberg REST catalog: the same tables, in another's book. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { remainsOf } from '../chaos/remains.ts'
import { pyiceberg, type ReadByPyIceberg } from '../lakehouse/pyiceberg.ts'
import { type RigRestCatalog, startRestCatalog } from '../rig/iceberg-rest.ts'
import { csv, products, statesOf, workspaceWith } from './support.ts'
import { openTestWorkspace } from './workspace.ts'

let server: RigRestCatalog
beforeAll(async () => {
  server = await startRestCatalog()
}, 120_000)
afterAll(() => server.stop())

test('loads, stages, publishes and replaces as with the catalog of a warehouse, and others read it there', async () => {
  const files = {
    'acme/items-2026-01-01.csv': csv(products(1, 30)),
    'bolt/nuts-2026-01-01.csv': `${csv(products(40, 50))}0999,"never closed,1\n`,
  }
  const later = csv(products(20, 40, { price: '7.25' }))
  const [local, bare] = [await workspaceWith(files), await workspaceWith(files)]
  const rest = openTestWorkspace(bare.dir, { AIWORKFLOW_LAKEHOUSE_CATALOG: server.url })
  for (const workspace of [local, rest]) {
    await workspace.run()
    await workspace.land('acme/items-2026-01-02.csv', later)
    expect(statesOf(await workspace.run())['acme/items-2026-01-02.csv']).toBe('published')
  }
  expect(await rest.with(remainsOf)).toEqual(await local.with(remainsOf))
  const read = await pyiceberg<Record<string, ReadByPyIceberg>>(server.url, 'describe')
  const counted = await rest.query('SELECT count(*) FROM product_core.product')
  expect(read['product_core.product']?.rows).toBe(counted[0]?.[0])
  expect(read['product_raw.ingest_errors']?.rows).toBe(1)
}, 180_000)
