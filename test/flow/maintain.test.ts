/** Tables are maintained under a workspace that goes on: the same rows, and nothing is loaded twice, whatever else is lost. */
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { program } from '../../src/cli/program.ts'
import { keeps } from '../promises.ts'
import { csv, products, workspaceWith } from './support.ts'
import { contents } from './workspace.ts'

const thorough = `kind: policy.maintenance
owner: ada
compaction: {targetFileBytes: 1000000, smallFiles: 2, deletedFraction: 0.1}
snapshots: {keptHours: 0, keptLeast: 1}
orphans: {ageHours: 0}
`

/** What a command prints with `--json`. */
async function typed(...words: string[]): Promise<{ code: number; document: Record<string, never> }> {
  let text = ''
  const stream = { write: (chunk: string) => (text += chunk), isTTY: false, columns: 80 }
  const code = await program([...words, '--json'], {}, { stdout: stream, stderr: stream } as never)
  return { code, document: JSON.parse(text) }
}

keeps('P2', 'P1')(
  'after maintenance the tables hold the same, and even a workspace that has lost its state loads nothing twice',
  async () => {
    const workspace = await workspaceWith({
      'acme/items-2026-01-01.csv': csv(products(1, 9)),
      'acme/items-2026-01-02.csv': csv(products(5, 12, { price: '2.00' })),
    })
    await workspace.run()
    await writeFile(join(workspace.dir, 'catalog/policies/maintenance.yaml'), thorough)
    const before = await workspace.with(contents)
    const { code, document } = await typed('maintain', workspace.dir)
    expect(code).toBe(0)
    expect(document).toMatchObject({
      tables: expect.arrayContaining([
        expect.objectContaining({
          name: 'product_core.product',
          compacted: expect.objectContaining({ filesBefore: 2 }),
        }),
        expect.objectContaining({
          name: 'product_raw.acme_items',
          expired: { snapshots: 2, files: expect.any(Number) },
        }),
      ]),
    })
    expect(await workspace.with(contents)).toEqual(before)
    expect((await typed('trace', workspace.dir, String(document['run']))).code).toBe(0)

    await rm(join(workspace.dir, '.aiworkflow'), { recursive: true, force: true })
    const { deliveries } = await workspace.run()
    // What the first one published cannot be shown again to be judged; the rows stay.
    expect(deliveries[0]).toMatchObject({ state: 'failed', failure: { code: 'SNAPSHOT_MISSING' } })
    const after = await workspace.with(contents)
    expect(after['product_raw.acme_items']).toEqual(before['product_raw.acme_items'])
    expect(after['product_core.product']).toEqual(before['product_core.product'])
  },
)

test('without a policy nothing is touched, and what to add is said', async () => {
  const workspace = await workspaceWith()
  await rm(join(workspace.dir, 'catalog/policies/maintenance.yaml'))
  const { code, document } = await typed('maintain', workspace.dir)
  expect(code).toBe(1)
  expect(document).toMatchObject({ error: { code: 'MAINTENANCE_POLICY_MISSING' } })
})
