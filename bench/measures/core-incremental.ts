/** Whether a delivery's cost in core follows the delivery or the table: the same 1,000 rows into a small core and a large one. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checksSql, expectedSql, stagedCountSql } from '../../agents/validator/counting.ts'
import type { Delivery } from '../../contracts/data/delivery.ts'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { Mapping } from '../../contracts/data/mapping.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import type { ToolId, ToolInput, ToolOutput } from '../../contracts/tools/index.ts'
import { compileLoadPlan } from '../../src/compiler/load-plan.ts'
import { coreTable } from '../../src/compiler/tables.ts'
import { openLakehouse, tableText } from '../../src/lakehouse/lakehouse.ts'
import { digest } from '../../src/runtime/identity.ts'
import { connectInMemory } from '../../src/tools/client.ts'
import { createRoots } from '../../src/tools/filesystem/roots.ts'
import { sqlKeeper } from '../../src/tools/lakehouse/kept-sql.ts'
import { lakehouseServer } from '../../src/tools/lakehouse/server.ts'
import { deliveriesFolder, runsFolder } from '../../src/tools/servers.ts'
import { type Benchmark, median, rounded, timed } from '../measure.ts'
import { commaSeparated } from './orders.ts'

const rowsPerDelivery = 1_000
const [small, large] = [10_000, 10_000_000]
const rounds = 9
const ingestionDate = '2026-01-01'
const at = '2026-01-01T00:00:00.000Z'
const owner = 'bench'
const vendor = { vendor: 'bench', region: 'eu', currency: 'EUR', owner, deliveryMode: 'delta' as const }

export const coreIncremental: Benchmark = {
  name: 'core.incremental',
  async run(tell) {
    const cores = await Promise.all([small, large].map(rows => openCore(rows)))
    try {
      for (const core of cores)
        tell(`a core of ${core.rows.toLocaleString('en-US')} rows: made in ${(await core.fill()).toFixed(0)} ms`)
      const first: number[] = []
      for (const core of cores) first.push(await core.deliver(0))
      tell(
        `first delivery: ${first.map(ms => ms.toFixed(0)).join(' and ')} ms, of which the large core's index of keys is the most`,
      )
      const times: [number[], number[]] = [[], []]
      for (let round = 1; round <= rounds; round++)
        for (const [which, core] of cores.entries()) times[which]!.push(await core.deliver(round))
      const [few, many] = times.map(median) as [number, number]
      return [
        {
          name: 'core.incremental',
          value: rounded(many),
          unit: 'ms',
          against: `the same into a core of ${small.toLocaleString('en-US')} rows, ${rounded(few)} ms`,
          ratio: rounded(many / few),
          note: `${rowsPerDelivery.toLocaleString('en-US')} rows that replace rows all over a core of ${large.toLocaleString('en-US')} rows of one vendor: staged, counted and checked as the validator does, published; medians of ${rounds} alternating rounds in one process. Less is better. Left out: loading into bronze, and the first delivery after a large file appears, which makes the file's index of keys (${rounded((first[1] ?? 0) / 1000)} s here).`,
        },
      ]
    } finally {
      for (const core of cores) await core.close()
    }
  },
}

async function openCore(rows: number) {
  const workspace = await mkdtemp(join(tmpdir(), 'aiworkflow-bench-'))
  const folder = join(workspace, deliveriesFolder)
  await mkdir(folder, { recursive: true })
  const lakehouse = openLakehouse({ warehouseDir: join(workspace, 'warehouse'), memoryLimit: '1GB' })
  const deliveries = createRoots(workspace, [deliveriesFolder])
  const keepSql = sqlKeeper(join(workspace, runsFolder))
  const client = await connectInMemory(lakehouseServer({ lakehouse, deliveries, keepSql }))
  const call = <Id extends Extract<ToolId, `lakehouse.${string}`>>(id: Id, input: ToolInput<Id>) =>
    client.call(id.split('.')[1] ?? '', input as Record<string, unknown>, {
      trace: {},
      timeoutMs: 600_000,
    }) as Promise<ToolOutput<Id>>
  const core = coreTable(standard)
  await lakehouse.createTable(core.table, core)
  await call('lakehouse.create_table', { contract })

  const load = async (round: number): Promise<Delivery> => {
    const name = `products-${round}.csv`
    const step = rows / rowsPerDelivery
    const lines = Array.from({ length: rowsPerDelivery }, (_, row) => {
      const number = row * step + (round % step)
      return `${keyOf(number)},Product ${number} of round ${round},${round}.50\n`
    })
    await writeFile(join(folder, name), `sku,title,price\n${lines.join('')}`)
    const sha256 = digest('bench', String(round))
    const delivery: Delivery = {
      id: `d_${sha256.slice(0, 24)}`,
      feed: { vendor: vendor.vendor, table: contract.table },
      file: `bench/${name}`,
      stored: join(deliveriesFolder, name),
      sha256,
      sizeBytes: 0,
      receivedAt: new Date(Date.parse(at) + round * 1000).toISOString(),
      ingestionDate,
    }
    const facts = { ...factsOf(delivery, round), writeKey: digest('bronze', delivery.id) }
    const choice = { engine: 'duckdb' as const, reason: 'measured', estimatedRows: rowsPerDelivery }
    const plan = compileLoadPlan(contract, facts, choice)
    await call('lakehouse.run_load_plan', { plan, contract, delivery, maxRecordBytes: 1 << 20 })
    return delivery
  }

  const stageAndPublish = async (delivery: Delivery, round: number): Promise<void> => {
    const facts = factsOf(delivery, round)
    const run = { id: facts.runId, traceId: facts.traceId }
    const writeKey = digest('core', delivery.id)
    const documents = { contract, mapping, standard, normalization: [], checks: [], vendor }
    const staged = await call('lakehouse.stage_core', {
      writeKey,
      run,
      delivery,
      ...documents,
      laterDeliveries: [],
      replacedDeliveries: [],
    })
    if (staged.counts.staged !== rowsPerDelivery) throw new Error('Rows were not staged: nothing was measured.')
    const counted = { documents, facts, core: core.table, laterDeliveries: [] }
    const branches = { [tableText(core.table)]: staged.branch }
    for (const sql of [stagedCountSql(counted), expectedSql(counted), checksSql(counted)])
      await call('lakehouse.query', { sql, branches })
    await call('lakehouse.publish', { table: core.table, branch: staged.branch, writeKey })
  }

  return {
    rows,
    fill: () =>
      timed(() =>
        lakehouse.append(core.table, {
          writeKey: 'filled',
          select: `SELECT ${keySql('number')} AS product_id, 'Product ' || number AS product_name,
            CAST(number % 1000 AS DECIMAL(18,2)) AS price_amount, 'bench' AS _vendor_name, 'd_filled' AS _delivery_id,
            'r_filled' AS _run_id, 1 AS _mapping_version, '1.0.0' AS _standard_version FROM range(${rows}) AS numbers(number)`,
        }),
      ),
    /** The time in core alone; the rows are in bronze before. */
    deliver: async (round: number): Promise<number> => {
      const delivery = await load(round)
      return timed(() => stageAndPublish(delivery, round))
    },
    close: async () => {
      await client.close()
      await lakehouse.close()
      await rm(workspace, { recursive: true, force: true })
    },
  }
}

/** Keys that stand in no order in the file, as those of vendors do. */
const [factor, modulus] = [7_919, 10_000_019]
const keyOf = (number: number): string => `SKU-${String((number * factor) % modulus).padStart(9, '0')}`
const keySql = (number: string): string =>
  `'SKU-' || lpad(CAST((${number} * ${factor}) % ${modulus} AS VARCHAR), 9, '0')`

const factsOf = ({ id, file, receivedAt }: Delivery, round: number) => ({
  deliveryId: id,
  runId: `r_${String(round).padStart(24, '0')}`,
  traceId: digest('trace', id).slice(0, 32),
  file,
  ingestionDate,
  ingestedAt: receivedAt,
})

const columnOf = (name: string, type: string, definition: string, required = false): Standard['columns'][number] => ({
  name,
  type,
  required,
  definition,
  synonyms: {},
  antonyms: [],
  semantics: [],
})

const standard: Standard = {
  kind: 'standard',
  name: 'product',
  version: '1.0.0',
  owner,
  description: 'Products.',
  key: ['product_id'],
  columns: [
    columnOf('product_id', 'string', 'Its id.', true),
    columnOf('product_name', 'string', 'Its name.'),
    columnOf('price_amount', 'decimal(18,2)', 'Its price.'),
  ],
  checks: [
    {
      id: 'price.positive',
      scope: 'row',
      column: 'price_amount',
      expression: 'price_amount >= 0',
      severity: 'reject',
      toleratedFraction: 0,
      message: 'A price is not negative.',
      owner,
    },
  ],
}

const sourceColumns = { sku: 'string', title: 'string', price: 'decimal(10,2)' }

const contract: FeedContract = {
  vendor: vendor.vendor,
  table: 'products',
  version: 1,
  status: 'active',
  owner,
  deliveryMode: 'delta',
  format: commaSeparated,
  columns: Object.entries(sourceColumns).map(([name, type]) => ({ name, sourceName: name, type, nullable: true })),
  keys: [],
  partitionCandidates: [],
  nullTokens: [],
  checks: [],
  rowCount: null,
  sizeBytes: 0,
  quality: [],
  confidence: 1,
  createdAt: at,
}

const sources = { product_id: 'sku', product_name: 'title', price_amount: 'price' }

const mapping: Mapping = {
  vendor: vendor.vendor,
  table: contract.table,
  version: 1,
  owner,
  standard: { name: standard.name, version: standard.version },
  contractVersion: 1,
  region: vendor.region,
  columns: Object.entries(sources).map(([column, source]) => ({
    column,
    expression: source,
    sourceColumns: [source],
    status: 'accepted',
    step: 'evidence',
    confidence: 1,
    evidence: [],
    candidates: [],
  })),
  createdAt: at,
}
