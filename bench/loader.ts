/** The load tool over a workspace of its own, as the measures of loading call it. */
import { join } from 'node:path'
import type { Delivery } from '../contracts/data/delivery.ts'
import type { ToolInput, ToolOutput } from '../contracts/tools/index.ts'
import { compileLoadPlan } from '../src/compiler/load-plan.ts'
import type { SparkCluster } from '../src/lakehouse/engine/spark/cluster.ts'
import { openLakehouse } from '../src/lakehouse/lakehouse.ts'
import { digest } from '../src/runtime/identity.ts'
import { connectInMemory } from '../src/tools/client.ts'
import { createRoots } from '../src/tools/filesystem/roots.ts'
import { sqlKeeper } from '../src/tools/lakehouse/kept-sql.ts'
import { lakehouseServer } from '../src/tools/lakehouse/server.ts'
import { deliveriesFolder, runsFolder } from '../src/tools/servers.ts'
import { ordersContract, type WrittenCsv } from './measures/orders.ts'

export const ingestionDate = '2026-01-01'

export interface LoaderOptions {
  readonly memoryLimit: string
  /** Loads by this Spark instead of by the embedded engine. */
  readonly sparkAt?: (warehouseDir: string) => SparkCluster
}

export async function openLoader(workspace: string, csv: WrittenCsv, { memoryLimit, sparkAt }: LoaderOptions) {
  const warehouseDir = join(workspace, 'warehouse')
  const lakehouse = openLakehouse({ warehouseDir, memoryLimit })
  const spark = sparkAt?.(warehouseDir)
  const deliveries = createRoots(workspace, [deliveriesFolder])
  const keepSql = sqlKeeper(join(workspace, runsFolder))
  const client = await connectInMemory(lakehouseServer({ lakehouse, deliveries, keepSql, spark }))
  const call = (tool: string, input: Record<string, unknown>) =>
    client.call(tool, input, { trace: {}, timeoutMs: 1_800_000 })
  const contract = ordersContract(csv)
  await call('create_table', { contract })
  const engine = spark === undefined ? 'duckdb' : 'spark'
  const choice = { engine, reason: 'measured', estimatedRows: csv.rows } as const
  return {
    async load(round: number): Promise<void> {
      const delivery = deliveryOf(csv, round)
      const plan = compileLoadPlan(contract, { ...factsOf(delivery), runId: `r_${delivery.id.slice(2)}` }, choice)
      const input: ToolInput<'lakehouse.run_load_plan'> = { plan, contract, delivery, maxRecordBytes: 1 << 20 }
      const { counts } = (await call('run_load_plan', input)) as ToolOutput<'lakehouse.run_load_plan'>
      if (counts.loaded !== csv.rows)
        throw new Error(`${counts.loaded} of ${csv.rows} rows were loaded; nothing was measured.`)
    },
    async close(): Promise<void> {
      await client.close()
      await lakehouse.close()
    },
  }
}

const factsOf = (delivery: Delivery) => ({
  deliveryId: delivery.id,
  traceId: digest('trace', delivery.id).slice(0, 32),
  writeKey: digest('bronze', delivery.id),
  file: delivery.file,
  ingestionDate,
  ingestedAt: delivery.receivedAt,
})

/** The same bytes under another delivery each round: the same one would be loaded once. */
function deliveryOf({ sizeBytes, name }: WrittenCsv, round: number): Delivery {
  const sha256 = digest('bench', String(round))
  return {
    id: `d_${sha256.slice(0, 24)}`,
    feed: { vendor: 'bench', table: 'orders' },
    file: `bench/${name}`,
    stored: join(deliveriesFolder, name),
    sha256,
    sizeBytes,
    receivedAt: `${ingestionDate}T00:00:00.000Z`,
    ingestionDate,
  }
}
