/** A workspace with a warehouse of its own, and the lakehouse tools on it as a client sees them. */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach } from 'vitest'
import type { Delivery } from '../../contracts/data/delivery.ts'
import type { FeedColumn, FeedContract, FeedFormat } from '../../contracts/data/feed-contract.ts'
import type { LoadPlan } from '../../contracts/data/load-plan.ts'
import type { ToolId, ToolInput, ToolOutput } from '../../contracts/tools/index.ts'
import { compileLoadPlan } from '../../src/compiler/load-plan.ts'
import type { SparkCluster } from '../../src/lakehouse/engine/spark/cluster.ts'
import { type Lakehouse, openLakehouse } from '../../src/lakehouse/lakehouse.ts'
import { connectInMemory } from '../../src/tools/client.ts'
import { createRoots } from '../../src/tools/filesystem/roots.ts'
import { sqlKeeper } from '../../src/tools/lakehouse/kept-sql.ts'
import { lakehouseServer } from '../../src/tools/lakehouse/server.ts'
import type { Spans, ToolServer } from '../../src/tools/server.ts'

export const csv: FeedFormat = {
  kind: 'delimited',
  encoding: 'utf-8',
  compression: 'none',
  delimiter: ',',
  quote: '"',
  escape: '"',
  lineTerminator: 'lf',
  preambleLines: 0,
  headerRows: 1,
  trailerLines: 0,
}

export const column = (name: string, type = 'string', more: Partial<FeedColumn> = {}): FeedColumn => ({
  name,
  sourceName: name,
  type,
  nullable: true,
  ...more,
})

export const contractOf = (columns: FeedColumn[], more: Partial<FeedContract> = {}): FeedContract => ({
  vendor: 'acme',
  table: 'products',
  version: 1,
  status: 'active',
  owner: 'acme-team',
  deliveryMode: 'delta',
  checks: [],
  createdAt: '2026-11-24T00:00:00.000Z',
  format: csv,
  nullTokens: [],
  columns,
  keys: [],
  partitionCandidates: [],
  rowCount: null,
  sizeBytes: 0,
  quality: [],
  confidence: 1,
  ...more,
})

export const runOf = (number: number) => `r_${String(number).padStart(24, '0')}`
export const traceId = 'a'.repeat(32)

type LakehouseTool = Extract<ToolId, `lakehouse.${string}`>
type Short<Id extends string> = Id extends `lakehouse.${infer T}` ? T : never

export interface Lake {
  readonly workspace: string
  readonly lakehouse: Lakehouse
  readonly server: ToolServer
  call<T extends Short<LakehouseTool>>(
    tool: T,
    input: ToolInput<`lakehouse.${T}`>,
  ): Promise<ToolOutput<`lakehouse.${T}`>>
  /** Puts bytes into the delivery store. */
  deliver(bytes: string | Uint8Array, more?: Partial<Delivery>): Delivery
  plan(contract: FeedContract, delivery: Delivery, runId?: string): LoadPlan
  /** Creates the table and loads. */
  load(contract: FeedContract, delivery: Delivery, runId?: string): Promise<ToolOutput<'lakehouse.run_load_plan'>>
  rows(sql: string): Promise<unknown[][]>
}

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** How the Spark of a warehouse is made, for tests that have one. */
export type SparkAt = (warehouseDir: string) => SparkCluster

export async function openLake(spans?: Spans, sparkAt?: SparkAt): Promise<Lake> {
  const workspace = mkdtempSync(path.join(tmpdir(), 'lake-'))
  closers.push(async () => rmSync(workspace, { recursive: true, force: true }))
  return openLakeAt(workspace, spans, sparkAt)
}

export async function openLakeAt(workspace: string, spans?: Spans, sparkAt?: SparkAt): Promise<Lake> {
  const warehouseDir = path.join(workspace, 'warehouse')
  const lakehouse = openLakehouse({ warehouseDir, memoryLimit: '512MB' })
  const spark = sparkAt?.(warehouseDir)
  const deliveries = createRoots(workspace, ['.aiworkflow/deliveries'])
  const keepSql = sqlKeeper(path.join(workspace, '.aiworkflow/runs'))
  const server = lakehouseServer({ lakehouse, deliveries, keepSql, spark }, spans)
  const client = await connectInMemory(server)
  closers.push(() => lakehouse.close())
  let minute = 0
  const lake: Lake = {
    workspace,
    lakehouse,
    server,
    call: (tool, input) =>
      client.call(tool, input as Record<string, unknown>, { trace: {}, timeoutMs: 180_000 }) as never,
    deliver: (bytes, more = {}) => {
      const sha256 = createHash('sha256').update(bytes).digest('hex')
      const id = `d_${sha256.slice(0, 24)}`
      const stored = more.stored ?? `.aiworkflow/deliveries/${id}/products.csv`
      mkdirSync(path.join(workspace, path.dirname(stored)), { recursive: true })
      writeFileSync(path.join(workspace, stored), bytes)
      minute += 1
      const receivedAt = new Date(Date.UTC(2026, 10, 24, 10, minute)).toISOString()
      const sizeBytes = Buffer.byteLength(bytes)
      const feed = { vendor: 'acme', table: 'products' }
      return {
        id,
        feed,
        file: 'acme/products.csv',
        stored,
        sha256,
        sizeBytes,
        receivedAt,
        ingestionDate: '2026-11-24',
        ...more,
      }
    },
    plan: (contract, delivery, runId = runOf(1)) =>
      compileLoadPlan(
        contract,
        {
          deliveryId: delivery.id,
          runId,
          traceId,
          writeKey: `bronze ${delivery.id}`,
          file: delivery.file,
          ingestionDate: delivery.ingestionDate,
          ingestedAt: delivery.receivedAt,
        },
        { engine: spark === undefined ? 'duckdb' : 'spark', reason: 'asked for', estimatedRows: null },
      ),
    load: async (contract, delivery, runId) => {
      await lake.call('create_table', { contract })
      const plan = lake.plan(contract, delivery, runId)
      return lake.call('run_load_plan', { plan, contract, delivery, maxRecordBytes: 1_000_000 })
    },
    rows: async sql => (await lake.call('query', { sql, limit: 100_000 })).rows,
  }
  return lake
}
