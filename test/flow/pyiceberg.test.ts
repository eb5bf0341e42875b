/** The tables that a run leaves, opened by PyIceberg: all of them, and as our own catalog describes them. */
import { join } from 'node:path'
import { beforeAll, describe, expect } from 'vitest'
import { pyiceberg, type ReadByPyIceberg, requirePyIceberg } from '../lakehouse/pyiceberg.ts'
import { keeps } from '../promises.ts'
import { csv, deliveryOf, product, products, rowsOf, skuOf, statesOf, workspaceWith } from './support.ts'
import type { TestWorkspace } from './workspace.ts'

const file = 'acme/products-2026-01-10.csv'
const later = 'acme/products-2026-01-17.csv'
const other = 'bolt/articles-2026-01-10.ndjson'
const bronze = 'product_raw.acme_products'

/** A row of counts as PyIceberg lists a partition; into how many files it went is not compared. */
const partitionOf =
  (by: readonly string[]) =>
  ([rows, ...values]: readonly unknown[]): [string, number, number] => [
    by.map((column, at) => `${column}=${values[at]}`).join(', '),
    Number(rows),
    expect.any(Number),
  ]

/** A table as our side has it, in the shape in which the reader answers. */
async function ours(workspace: TestWorkspace) {
  return workspace.with(async ({ lakehouse }) => {
    const found: Record<string, Pick<ReadByPyIceberg, 'rows' | 'columns' | 'spec' | 'partitions'>> = {}
    for (const table of await lakehouse.listTables()) {
      const { columns, partition } = await lakehouse.loadTable(table)
      const by = partition.map(({ column }) => column)
      const name = `${table.namespace}.${table.name}`
      const select = ['count(*)', ...by.map(column => `"${column}"::VARCHAR`)].join(', ')
      const counts = (await lakehouse.query(`SELECT ${select} FROM ${name} GROUP BY ALL`)).rows
      found[name] = {
        rows: counts.reduce((sum, [rows]) => sum + Number(rows), 0),
        columns: columns.map(({ id, name, type, required }) => [id, name, type, required]),
        spec: partition.map(({ column, transform }) => [
          columns.find(item => item.name === column)!.id,
          column,
          transform,
        ]),
        partitions: by.length === 0 ? [] : counts.map(partitionOf(by)).sort(([a], [b]) => (a < b ? -1 : 1)),
      }
    }
    return found
  })
}

describe('a run over two vendors, one of which delivers an error of each stage', () => {
  let workspace: TestWorkspace
  let warehouseDir: string
  const read = () => pyiceberg<Record<string, ReadByPyIceberg>>(warehouseDir, 'describe')

  beforeAll(async () => {
    requirePyIceberg()
    const broken = [product(41, { price: 'call us' }), product(42, { price: '-5.00' })]
    const lines = products(1, 12).map(record => JSON.stringify(record))
    workspace = await workspaceWith({
      [file]: csv([...products(1, 40), ...broken]),
      [other]: `${lines.join('\n')}\n`,
    })
    warehouseDir = join(workspace.dir, 'warehouse')
    expect(statesOf(await workspace.run())).toEqual({ [file]: 'published', [other]: 'published' })
  })

  keeps('P10')('is read by PyIceberg table by table, with our counts, partitions and column ids', async () => {
    const [theirs, own] = [await read(), await ours(workspace)]
    expect(Object.keys(theirs)).toEqual(
      expect.arrayContaining([bronze, 'product_raw.ingest_errors', 'product_core.product', 'product_meta.contracts']),
    )
    expect(Object.keys(theirs).sort()).toEqual(Object.keys(own).sort())
    for (const [name, table] of Object.entries(own)) expect({ name, ...theirs[name] }).toMatchObject({ name, ...table })
    expect(theirs[bronze]?.rows).toBe(41)
    expect(theirs['product_raw.ingest_errors']?.rows).toBe(2)
    expect(theirs['product_core.product']?.rows).toBe(52)
  })

  keeps('P10')(
    'goes on after PyIceberg deleted a row of bronze: the row stays away and the next delivery loads',
    async () => {
      await pyiceberg(warehouseDir, 'delete', bronze, `sku == '${skuOf(7)}'`)
      await workspace.land(later, csv([product(50), product(51)]))
      const summary = await workspace.run()
      expect(deliveryOf(summary, later)).toMatchObject({ state: 'published', rowsLoaded: 2 })
      expect(rowsOf(summary, bronze)).toBe(42)
      const gone = await workspace.query(`SELECT count(*) FROM ${bronze} WHERE sku = '${skuOf(7)}'`)
      expect(gone).toEqual([[0]])
      expect((await read())[bronze]?.rows).toBe(42)
    },
  )
})
