/** The chain over an S3-compatible store: the same tables, in a bucket, by the workspace's own catalog and by a REST catalog. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { remainsOf } from '../chaos/remains.ts'
import { pyiceberg, type ReadByPyIceberg, storeEnvironment, type TablesPlace } from '../lakehouse/pyiceberg.ts'
import { bucketOf, type Store } from '../lakehouse/store.ts'
import { keeps } from '../promises.ts'
import { type RigRestCatalog, startRestCatalog } from '../rig/iceberg-rest.ts'
import { type RigS3, startS3 } from '../rig/s3.ts'
import { csv, products, spansOf, statesOf, workspaceWith } from './support.ts'
import { openTestWorkspace, type TestWorkspace } from './workspace.ts'

let s3: RigS3
let store: Store
let server: RigRestCatalog
beforeAll(async () => {
  s3 = await startS3()
  store = await bucketOf(s3, 'lake')
  server = await startRestCatalog({ ...store, url: `${store.url}/by-rest` })
}, 120_000)
afterAll(async () => {
  await server.stop()
  await s3.stop()
})

keeps('P10')(
  'loads, stages, publishes and replaces in a store as in a folder, and others read it there',
  async () => {
    const files = {
      'acme/items-2026-01-01.csv': csv(products(1, 30)),
      'bolt/nuts-2026-01-01.csv': `${csv(products(40, 50))}0999,"never closed,1\n`,
    }
    const later = csv(products(20, 40, { price: '7.25' }))
    const inStore = async (warehouse: string, more: Readonly<Record<string, string>> = {}) => {
      const { dir } = await workspaceWith(files)
      const settings = { AIWORKFLOW_LAKEHOUSE_WAREHOUSE: warehouse, ...storeEnvironment(store), ...more }
      return openTestWorkspace(dir, settings)
    }
    const local = await workspaceWith(files)
    const own = await inStore(`${store.url}/own`)
    const rest = await inStore(`${store.url}/by-rest`, { AIWORKFLOW_LAKEHOUSE_CATALOG: server.url })
    const runs: string[] = []
    const twice = async (workspace: TestWorkspace) => {
      await workspace.run()
      await workspace.land('acme/items-2026-01-02.csv', later)
      const summary = await workspace.run()
      expect(statesOf(summary)['acme/items-2026-01-02.csv']).toBe('published')
      runs.push(...summary.deliveries.map(({ runId }) => runId ?? ''))
    }
    await Promise.all([local, own, rest].map(twice))
    const expected = await local.with(remainsOf)
    const places: [TestWorkspace, TablesPlace][] = [
      [own, { catalog: `${own.dir}/warehouse`, store }],
      [rest, { catalog: server.url, store }],
    ]
    for (const [workspace, place] of places) {
      expect(await workspace.with(remainsOf)).toEqual(expected)
      const read = await pyiceberg<Record<string, ReadByPyIceberg>>(place, 'describe')
      const counted = await workspace.query('SELECT count(*) FROM product_core.product')
      expect(read['product_core.product']?.rows).toBe(counted[0]?.[0])
      expect(read['product_raw.ingest_errors']?.rows).toBe(1)
      const spans = (await Promise.all(runs.map(run => spansOf(workspace, run)))).flat()
      expect(spans.length).toBeGreaterThan(0)
      expect(JSON.stringify(spans)).not.toContain(store.credentials.secretAccessKey)
    }
  },
  180_000,
)

test('without keys, or without the bucket, it says what is missing and where to give it', async () => {
  const { dir } = await workspaceWith({ 'acme/items-2026-01-01.csv': csv(products(1, 3)) })
  const { AWS_SECRET_ACCESS_KEY: _, ...keyless } = storeEnvironment(store)
  const warehouse = { AIWORKFLOW_LAKEHOUSE_WAREHOUSE: 's3://nolake/shop' }
  await expect(openTestWorkspace(dir, { ...keyless, ...warehouse }).query('SHOW TABLES')).rejects.toMatchObject({
    code: 'SETTING_INVALID',
    wayOut: expect.stringContaining('AWS_SECRET_ACCESS_KEY'),
  })
  const summary = await openTestWorkspace(dir, { ...storeEnvironment(store), ...warehouse }).run()
  expect(summary.deliveries[0]).toMatchObject({ state: 'failed', failure: { code: 'LAKE_STORE_REFUSED' } })
}, 60_000)
