import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { FailureCode } from '../../contracts/failures.ts'
import { type Lakehouse, type LakehouseOptions, openLakehouse, type TableName } from '../../src/lakehouse/lakehouse.ts'

export const items: TableName = { namespace: 'product_raw', name: 'acme_items' }

export const itemColumns = [
  { name: 'sku', type: 'string', required: true },
  { name: 'stock', type: 'long', required: false },
  { name: 'vendor', type: 'string', required: true },
] as const

/** A folder that is gone after the test. */
export function temporaryDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'lakehouse-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** A lakehouse that is closed after the test. */
export function openedLake(
  warehouseDir = join(temporaryDir(), 'warehouse'),
  store?: LakehouseOptions['store'],
): {
  lake: Lakehouse
  warehouseDir: string
} {
  const lake = openLakehouse({ warehouseDir, store, memoryLimit: '512MB' })
  onTestFinished(() => lake.close())
  return { lake, warehouseDir }
}

/** The same with `items` in it, partitioned by vendor. */
export async function lakeWithItems(): Promise<{ lake: Lakehouse; warehouseDir: string }> {
  const opened = openedLake()
  await opened.lake.createTable(items, {
    columns: itemColumns,
    partition: [{ column: 'vendor', transform: 'identity' }],
  })
  return opened
}

/** SQL of some items: `{a: 1}` is sku `a` with stock 1. */
export function itemRows(stocks: Readonly<Record<string, number>>, vendor = 'acme'): string {
  const rows = Object.entries(stocks).map(([sku, stock]) => `('${sku}', ${stock}::BIGINT, '${vendor}')`)
  const none = `SELECT '' AS sku, 0::BIGINT AS stock, '' AS vendor WHERE false`
  return rows.length === 0 ? none : `SELECT * FROM (VALUES ${rows.join(', ')}) AS t(sku, stock, vendor)`
}

/** The items of a branch as `{sku: stock}`; fails when a sku is there twice. */
export async function stocks(lake: Lakehouse, branch = 'main'): Promise<Record<string, number>> {
  const relation = await lake.relation(items, { branch })
  const rows = await lake.withConnection(async connection =>
    (await connection.runAndReadAll(`SELECT sku, stock FROM ${relation} ORDER BY sku`)).getRows(),
  )
  const found = Object.fromEntries(rows.map(([sku, stock]) => [String(sku), Number(stock)]))
  expect(rows, 'a sku is there twice').toHaveLength(Object.keys(found).length)
  return found
}

export async function expectFailure(work: Promise<unknown>, code: FailureCode, message?: RegExp): Promise<void> {
  await expect(work).rejects.toMatchObject({ code, ...(message && { message: expect.stringMatching(message) }) })
}
