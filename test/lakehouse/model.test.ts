import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openLakehouse } from '../../src/lakehouse/lakehouse.ts'
import { itemColumns, itemRows, items, stocks, temporaryDir } from './harness.ts'

/** Feeds never share keys, so each vendor has its own; a stage replaces its vendor's rows. */
const vendors = ['acme', 'bolt', 'crane']

const rowsOf = (vendor: string) =>
  fc
    .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(99), { noNullPrototype: true })
    .map(rows => Object.fromEntries(Object.entries(rows).map(([sku, stock]) => [`${vendor}-${sku}`, stock])))

const step = fc.constantFrom(...vendors).chain(vendor =>
  fc.oneof(
    fc.record({
      kind: fc.constant('append' as const),
      vendor: fc.constant(vendor),
      stock: fc.nat(99),
      key: fc.nat(4),
    }),
    fc.record({
      kind: fc.constant('stage' as const),
      vendor: fc.constant(vendor),
      rows: rowsOf(vendor),
      key: fc.nat(4),
      wipe: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('publish' as const), vendor: fc.constant(vendor), key: fc.nat(4) }),
    fc.record({ kind: fc.constant('drop' as const), vendor: fc.constant(vendor) }),
  ),
)

test('any sequence of appends, stages, publishes and drops leaves what a map in memory says', {
  timeout: 60_000,
}, async () => {
  const dir = temporaryDir()
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async steps => {
      const lake = openLakehouse({ warehouseDir: `${dir}/${runs++}`, memoryLimit: '256MB' })
      try {
        await lake.createTable(items, {
          columns: itemColumns,
          partition: [{ column: 'vendor', transform: 'identity' }],
        })
        const main = new Map<string, number>()
        const written = new Set<string>()
        const branches = new Map<string, { writeKey: string; rows: Record<string, number>; gone: Set<string> }>()
        let fresh = 0
        for (const item of steps) {
          const branch = `staged-${item.vendor}`
          if (item.kind === 'append') {
            const writeKey = `append-${item.vendor}-${item.key}`
            const sku = `${item.vendor}-new-${fresh++}`
            const done = await lake.append(items, { select: itemRows({ [sku]: item.stock }, item.vendor), writeKey })
            expect(done.alreadyDone).toBe(written.has(writeKey))
            if (!written.has(writeKey)) main.set(sku, item.stock)
            written.add(writeKey)
          } else if (item.kind === 'stage') {
            const writeKey = `stage-${item.vendor}-${item.key}`
            const held = written.has(writeKey) || branches.get(branch)?.writeKey === writeKey
            const own = [...main.keys()].filter(sku => sku.startsWith(item.vendor))
            const gone = new Set(own.filter(sku => item.wipe || sku in item.rows))
            const done = await lake.stage(items, {
              branch,
              rows: itemRows(item.rows, item.vendor),
              keyColumns: ['sku'],
              scope: `vendor = '${item.vendor}'`,
              writeKey,
              ...(item.wipe && { alsoDelete: 'true' }),
            })
            expect(done.alreadyDone).toBe(held)
            if (!held) {
              expect(done).toMatchObject({ addedRows: Object.keys(item.rows).length, deletedRows: gone.size })
              branches.set(branch, { writeKey, rows: item.rows, gone })
              const expected = new Map(main)
              for (const sku of gone) expected.delete(sku)
              for (const [sku, stock] of Object.entries(item.rows)) expected.set(sku, stock)
              expect(await stocks(lake, branch)).toEqual(Object.fromEntries(expected))
            }
          } else if (item.kind === 'publish') {
            const writeKey = `stage-${item.vendor}-${item.key}`
            const staged = branches.get(branch)
            const published = lake.publish(items, { branch, writeKey })
            if (written.has(writeKey)) expect((await published).outcome).toBe('already')
            else if (staged?.writeKey !== writeKey)
              await expect(published).rejects.toMatchObject({ code: 'BRANCH_MISSING' })
            else {
              expect((await published).outcome).toBe('published')
              for (const sku of staged.gone) main.delete(sku)
              for (const [sku, stock] of Object.entries(staged.rows)) main.set(sku, stock)
              written.add(writeKey)
              branches.delete(branch)
            }
          } else {
            expect(await lake.dropBranch(items, branch)).toBe(branches.delete(branch))
          }
          expect(await stocks(lake)).toEqual(Object.fromEntries(main))
        }
        const summary = (await lake.history(items))[0]?.summary ?? {}
        expect(Number(summary['total-records'] ?? 0) - Number(summary['total-position-deletes'] ?? 0)).toBe(main.size)
      } finally {
        await lake.close()
      }
    }),
    { numRuns: 15 },
  )
})
