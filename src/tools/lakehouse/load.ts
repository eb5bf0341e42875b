/**
 * The load of one delivery into its raw table.
 *
 * Two ways, one result. The fast way: DuckDB reads a regular file itself, in one pass that ends at the first value that does not
 * fit. The careful way, for every other file and after a misfit: the records are written out in one strict dialect with their
 * places, and are then taken or turned away one by one. Invariants:
 * 1. Errors are committed first, the table last: whoever sees the table's snapshot sees its errors too.
 * 2. Each commit has its write key, so what was done before a crash is found and not done again.
 * 3. The counts stand in the summary of the table's snapshot: asking again gives the same answer.
 * It fails as reader and lakehouse do, and then the table is as it was.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { FeedContract } from '../../../contracts/data/feed-contract.ts'
import type { LoadPlan } from '../../../contracts/data/load-plan.ts'
import { asFailure, Failure } from '../../../contracts/failures.ts'
import type { ToolInput, ToolOutput } from '../../../contracts/tools/index.ts'
import { loadLineage } from '../../compiler/lineage.ts'
import type { LoadTexts } from '../../compiler/load-plan.ts'
import type { SparkCluster } from '../../lakehouse/engine/spark/cluster.ts'
import type { SnapshotDescription } from '../../lakehouse/lakehouse.ts'
import { writeCanonical } from '../../records/canonical.ts'
import { duckdbReadCanonical, duckdbReadCsv } from '../../records/duckdb.ts'
import { withSaidPath } from '../said-path.ts'
import type { ToolCall } from '../server.ts'
import { compiledTexts, deliveryFacts } from './compiled.ts'
import type { LakehouseDependencies } from './dependencies.ts'
import { commitErrors, earlierErrors, rejectedRecords } from './errors.ts'
import { loadBySpark } from './load-spark.ts'
import { engineReadable } from './plain-file.ts'
import { withScratchFile } from './scratch.ts'
import { bronzeCountsOf, bronzeSummary, factsSummary, type KnownBronze, type Summary } from './summary.ts'

type Input = ToolInput<'lakehouse.run_load_plan'>
type Output = ToolOutput<'lakehouse.run_load_plan'>

/** What both ways work with. */
interface Load extends LakehouseDependencies {
  readonly plan: LoadPlan
  readonly contract: FeedContract
  readonly texts: LoadTexts
  readonly file: string
  readonly limits: { readonly maxRecordBytes: number }
  readonly facts: Summary
}

export async function runLoadPlan(
  dependencies: LakehouseDependencies,
  input: Input,
  { signal }: ToolCall,
): Promise<Output> {
  const { plan, contract, delivery, maxRecordBytes } = input
  const texts = compiledTexts(plan, contract, delivery)
  const before = await dependencies.lakehouse.findWrite(plan.table, plan.writeKey)
  if (before !== undefined) {
    // This run may have died between its commit and its answer.
    if (before.summary['aiworkflow.run-id'] === plan.runId) await keepLineage(dependencies, input)
    return outputOf(dependencies, plan, before, true)
  }
  const { path: file } = await dependencies.deliveries.resolveFile(delivery.stored)
  // Its texts have files of their own.
  await dependencies.keepSql(plan.runId, 'plan.json', JSON.stringify({ ...plan, sql: undefined }, null, 2))
  const { runId, traceId } = plan
  const facts = factsSummary({ runId, traceId, deliveryId: delivery.id, contractVersion: contract.version })
  const load: Load = { ...dependencies, plan, contract, texts, file, facts, limits: { maxRecordBytes } }
  const output = await withSaidPath(file, delivery.file, async () => {
    if (plan.engine === 'duckdb') return (await loadFast(load)) ?? (await loadCarefully(load))
    await loadBySpark({ ...load, delivery, signal }, sparkOf(dependencies))
    return outputOf(dependencies, plan, await dependencies.lakehouse.findWrite(plan.table, plan.writeKey), false)
  })
  await keepLineage(dependencies, input)
  return output
}

/** Of what is committed: the event says that it is complete. */
async function keepLineage({ keepSql }: LakehouseDependencies, { plan, contract, delivery }: Input): Promise<void> {
  const lineage = loadLineage(contract, deliveryFacts(plan, delivery))
  await keepSql(plan.runId, 'load.openlineage.json', JSON.stringify(lineage, null, 2))
}

function sparkOf({ spark }: LakehouseDependencies): SparkCluster {
  if (spark !== undefined) return spark
  throw new Failure('SPARK_MISSING', 'The plan is one for Spark, and no Spark is configured here.', {
    wayOut: 'Set `spark.master` in aiworkflow.yaml, where this server reads it.',
  })
}

/** The file as DuckDB sees it; undefined where only the careful way can tell what it holds. */
async function loadFast(load: Load): Promise<Output | undefined> {
  const { contract, file, texts } = load
  // An attempt that died found errors: there may be some again, and if not, its own have to go.
  if ((await earlierErrors(load.lakehouse, load.plan.writeKey)) !== undefined) return undefined
  const shape = await engineReadable(file, contract, load.limits)
  if (shape === undefined) return undefined
  try {
    const source = duckdbReadCsv(shape.format, contract.columns, file, shape)
    return await commitRows(load, source, texts.acceptedFast, { rejected: 0 })
  } catch (error) {
    // What DuckDB cannot take is not the end of it: the careful way says which records, and why.
    if (asFailure(error).code === 'QUERY_FAILED') return undefined
    throw error
  }
}

function loadCarefully(load: Load): Promise<Output> {
  const { contract, file, texts, plan, lakehouse, facts, keepSql } = load
  return withScratchFile(lakehouse, 'csv', async canonical => {
    const written = await writeCanonical(file, contract, canonical, load.limits)
    const source = duckdbReadCanonical(contract.columns, canonical, written)
    const rejected = await commitErrors(lakehouse, {
      prepare: sourceOf(source),
      select: texts.rejected,
      writeKey: plan.writeKey,
      facts,
      earlier: { deliveryId: plan.deliveryId, stage: 'bronze' },
    })
    await keepSql(plan.runId, 'load_errors', `${texts.rejected};`)
    return commitRows(load, source, texts.accepted, { read: written.records, rejected })
  })
}

/** The rows that fit, in one commit. What is answered is read back from the history, so that it is the same for whoever asks. */
async function commitRows(load: Load, source: string, select: string, known: KnownBronze): Promise<Output> {
  const { lakehouse, plan } = load
  await load.keepSql(plan.runId, 'load', `CREATE TEMP VIEW source AS\nSELECT * FROM ${source};\n\n${select};`)
  const { alreadyDone } = await lakehouse.append(plan.table, {
    prepare: sourceOf(source),
    select,
    writeKey: plan.writeKey,
    summary: { ...load.facts, ...bronzeSummary(known) },
  })
  return outputOf(load, plan, await lakehouse.findWrite(plan.table, plan.writeKey), alreadyDone)
}

const sourceOf = (source: string) => async (connection: DuckDBConnection) => {
  await connection.run(`CREATE OR REPLACE TEMP VIEW source AS SELECT * FROM ${source}`)
}

async function outputOf(
  { lakehouse }: LakehouseDependencies,
  plan: LoadPlan,
  found: SnapshotDescription | undefined,
  alreadyDone: boolean,
): Promise<Output> {
  const said = found && bronzeCountsOf(found.summary)
  if (said) return { counts: said, snapshotId: found.snapshotId, alreadyDone }
  // A program of Spark that somebody ran by hand commits its rows, and does not know yet what it turns away.
  const rejected = await rejectedRecords(lakehouse, plan)
  const counts = found && bronzeCountsOf({ ...found.summary, ...bronzeSummary({ rejected }) })
  if (counts) return { counts, snapshotId: found.snapshotId, alreadyDone }
  throw new Failure('EFFECT_UNKNOWN', 'The load is in the history of the table, but not what it counted.')
}
