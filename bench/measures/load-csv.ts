import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import type { Delivery } from '../../contracts/data/delivery.ts'
import type { ToolInput, ToolOutput } from '../../contracts/tools/index.ts'
import { compileLoadPlan } from '../../src/compiler/load-plan.ts'
import { openLakehouse } from '../../src/lakehouse/lakehouse.ts'
import { digest } from '../../src/runtime/identity.ts'
import { connectInMemory } from '../../src/tools/client.ts'
import { createRoots } from '../../src/tools/filesystem/roots.ts'
import { sqlKeeper } from '../../src/tools/lakehouse/kept-sql.ts'
import { lakehouseServer } from '../../src/tools/lakehouse/server.ts'
import { deliveriesFolder, runsFolder } from '../../src/tools/servers.ts'
import { type Benchmark, median, rounded, timed } from '../measure.ts'
import { bareSelect, ordersContract, type WrittenCsv, writeOrders } from './orders.ts'

const rows = 1_000_000
const rounds = 5
const memoryLimit = '1GB'
const ingestionDate = '2026-01-01'

/** Rows per second of the load tool, against the least that any loader could do with the same engine. */
export const loadCsv: Benchmark = {
  name: 'load.csv',
  async run(tell) {
    const workspace = await mkdtemp(join(tmpdir(), 'aiworkflow-bench-'))
    try {
      const folder = join(workspace, deliveriesFolder)
      await mkdir(folder, { recursive: true })
      const csv = await writeOrders(join(folder, 'orders.csv'), rows)
      tell(`${rows.toLocaleString('en-US')} rows, ${(csv.sizeBytes / 2 ** 20).toFixed(0)} MiB`)
      const ours: number[] = []
      const bare: number[] = []
      const loader = await openLoader(workspace, csv)
      try {
        for (let round = 0; round < rounds; round++) {
          bare.push(await timed(() => bareCopy(csv, join(workspace, `bare-${round}`))))
          ours.push(await timed(() => loader.load(round)))
          tell(`round ${round + 1}: bare ${bare.at(-1)!.toFixed(0)} ms, load ${ours.at(-1)!.toFixed(0)} ms`)
        }
      } finally {
        await loader.close()
      }
      const perSecond = (times: readonly number[]) => rows / (median(times) / 1000)
      return [
        {
          name: 'load.csv',
          value: rounded(perSecond(ours)),
          unit: 'rows/s',
          against: `a bare DuckDB COPY of the same casts and partitions, ${rounded(perSecond(bare))} rows/s`,
          ratio: rounded(perSecond(ours) / perSecond(bare)),
          note: `${rows.toLocaleString('en-US')} rows × 10 columns that all fit, medians of ${rounds} alternating rounds in one process. Ours includes the checks that a value fits its type, six columns of provenance, statistics and the Iceberg commit. Left out: discovery, the agents, records in error (they take the careful way), and counting the source again.`,
        },
      ]
    } finally {
      await rm(workspace, { recursive: true })
    }
  },
}

async function openLoader(workspace: string, csv: WrittenCsv) {
  const lakehouse = openLakehouse({ warehouseDir: join(workspace, 'warehouse'), memoryLimit })
  const deliveries = createRoots(workspace, [deliveriesFolder])
  const keepSql = sqlKeeper(join(workspace, runsFolder))
  const client = await connectInMemory(lakehouseServer({ lakehouse, deliveries, keepSql }))
  const call = (tool: string, input: Record<string, unknown>) =>
    client.call(tool, input, { trace: {}, timeoutMs: 600_000 })
  const contract = ordersContract(csv)
  await call('create_table', { contract })
  return {
    async load(round: number): Promise<void> {
      const delivery = deliveryOf(csv, round)
      const plan = compileLoadPlan(contract, { ...factsOf(delivery), runId: `r_${delivery.id.slice(2)}` }, engineChoice)
      const input: ToolInput<'lakehouse.run_load_plan'> = { plan, contract, delivery, maxRecordBytes: 1 << 20 }
      const { counts } = (await call('run_load_plan', input)) as ToolOutput<'lakehouse.run_load_plan'>
      if (counts.loaded !== rows) throw new Error(`${counts.loaded} of ${rows} rows were loaded; nothing was measured.`)
    },
    async close(): Promise<void> {
      await client.close()
      await lakehouse.close()
    },
  }
}

const engineChoice = { engine: 'duckdb', reason: 'measured', estimatedRows: rows } as const

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

async function bareCopy(csv: WrittenCsv, folder: string): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: memoryLimit })
  try {
    const connection = await instance.connect()
    const partitions = `DATE '${ingestionDate}' AS ingestion_date, 'bench' AS vendor_name`
    await connection.run(
      `COPY (${bareSelect(csv.path, partitions)}) TO '${folder}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (ingestion_date, vendor_name))`,
    )
    connection.closeSync()
  } finally {
    instance.closeSync()
    await rm(folder, { recursive: true, force: true })
  }
}
