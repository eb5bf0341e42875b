/** What `aiworkflow plan` says of waiting deliveries is what their runs do, and keep. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { planWaiting } from '../../src/cli/plan-waiting.ts'
import { keeps } from '../promises.ts'
import { csv, deliveryOf, products, setting, workspaceWith } from './support.ts'
import type { TestWorkspace } from './workspace.ts'

const [first, second] = ['acme/products-2026-01-10.csv', 'acme/products-2026-02-10.csv'] as const
const plans = (workspace: TestWorkspace) => workspace.with(planWaiting)
const lists = (documents: string) => readdir(documents, { recursive: true })

/** The plan that a run kept, for people to read. */
const kept = async (workspace: TestWorkspace, runId: string) =>
  JSON.parse(await readFile(join(workspace.dir, '.aiworkflow/runs', runId, 'plan.json'), 'utf8'))

keeps('P7')(
  'a waiting delivery is planned as it will run: before its feed is known, and after; what is loaded waits no more',
  async () => {
    const workspace = await workspaceWith({ [first]: csv(products(1, 30)) })
    const before = await plans(workspace)
    expect(before).toMatchObject({
      deliveries: [
        {
          file: first,
          contractVersion: null,
          rowsAre: 'counted',
          engine: 'duckdb',
          source: { rows: 30 },
          workers: { most: 1 },
        },
      ],
      errors: [],
    })
    const run = await workspace.run()
    const { vendor, table, file, contractVersion, rowsAre, ...sizing } = before.deliveries[0]!
    expect((await kept(workspace, deliveryOf(run, first).runId)).sizing).toEqual(sizing)
    expect(await plans(workspace)).toEqual({ deliveries: [], errors: [] })

    await workspace.land(second, csv(products(1, 60)))
    await workspace.edit('policies/compute.yaml', setting('rowsPerWorker', 10))
    const [known] = (await plans(workspace)).deliveries
    expect(known).toMatchObject({ file: second, contractVersion: 1, rowsAre: 'estimated', workers: { most: 6 } })
    const later = deliveryOf(await workspace.run(), second)
    expect((await kept(workspace, later.runId)).sizing).toMatchObject({ workers: { most: 6 }, reason: known!.reason })
  },
)

test('a plan takes nothing in and tells the trouble of one file apart from the others', async () => {
  const workspace = await workspaceWith({ [first]: csv(products(1, 3)), 'acme/empty.csv': '' })
  const landed = await lists(join(workspace.dir, 'landing'))
  const { deliveries, errors } = await plans(workspace)
  expect(deliveries.map(({ file }) => file)).toEqual([first])
  expect(errors.map(({ file, code }) => [file, code])).toEqual([['acme/empty.csv', 'FILE_EMPTY']])
  expect(await lists(join(workspace.dir, 'landing'))).toEqual(landed)
  expect(await lists(join(workspace.dir, '.aiworkflow/deliveries'))).toEqual([])
})

keeps('P7')(
  'a table that has grown past the policy is divided further, what was there before stays readable',
  async () => {
    const rows = (from: number, to: number) => [
      ...products(from, to, { category: 'lamps' }),
      ...products(to + 1, to + 20, { category: 'chairs' }),
    ]
    const workspace = await workspaceWith({ [first]: csv(rows(1, 20)) })
    await workspace.run()
    await workspace.land(second, csv(rows(101, 130)))
    await workspace.edit('policies/compute.yaml', setting('fromTableBytes', 1))
    const [planned] = (await plans(workspace)).deliveries
    expect(planned!.partition.map(({ column }) => column)).toEqual(['ingestion_date', 'vendor_name', 'category'])
    expect(deliveryOf(await workspace.run(), second).state).toBe('published')

    const table = { namespace: 'product_raw', name: 'acme_products' }
    const { partition } = await workspace.with(({ lakehouse }) => lakehouse.loadTable(table))
    expect(partition).toEqual(planned!.partition)
    const data = await lists(join(workspace.dir, 'warehouse/product_raw/acme_products/data'))
    const files = data.filter(path => path.endsWith('.parquet'))
    expect(files.map(path => /category=(\w+)/.exec(path)?.[1] ?? 'whole').sort()).toEqual(['chairs', 'lamps', 'whole'])
    expect(
      await workspace.query('SELECT category, count(*) FROM product_raw.acme_products GROUP BY 1 ORDER BY 1'),
    ).toEqual([
      ['chairs', 40],
      ['lamps', 50],
    ])
  },
)
