/**
 * The load of one delivery by Spark: the program of the compiler, submitted, and what it wrote taken over.
 *
 * The program appends to a branch of its own in the raw table and in the error table. Nobody reads those: what counts is what is taken
 * from them here, errors first, under the write key. A job that died, or that goes on after its submitter died, leaves a branch that the
 * next try makes anew.
 */
import { basename } from 'node:path'
import type { Delivery } from '../../../contracts/data/delivery.ts'
import type { FeedContract } from '../../../contracts/data/feed-contract.ts'
import type { LoadPlan } from '../../../contracts/data/load-plan.ts'
import { Failure } from '../../../contracts/failures.ts'
import { programMark, renderProgram } from '../../compiler/spark/program.ts'
import type { SparkSource } from '../../compiler/spark/source.ts'
import { errorTable } from '../../compiler/tables.ts'
import { propertiesText } from '../../lakehouse/engine/spark/catalog-configuration.ts'
import type { SparkCluster } from '../../lakehouse/engine/spark/cluster.ts'
import type { SparkEvent } from '../../lakehouse/engine/spark/events.ts'
import { quoteLiteral } from '../../lakehouse/lakehouse.ts'
import { writeCanonical } from '../../records/canonical.ts'
import { duckdbReadCanonical } from '../../records/duckdb.ts'
import { own } from '../../telemetry/names.ts'
import type { RunningSpan } from '../../telemetry/running.ts'
import { sparkJobSpan, sparkStepSpan } from '../../telemetry/shapes.ts'
import { deliveryFacts } from './compiled.ts'
import type { LakehouseDependencies } from './dependencies.ts'
import { commitErrors, earlierErrors } from './errors.ts'
import { loadBranch } from './names.ts'
import { engineReadable } from './plain-file.ts'
import { withScratchFile } from './scratch.ts'
import { bronzeSummary, type Summary } from './summary.ts'

export interface SparkLoad extends LakehouseDependencies {
  readonly plan: LoadPlan
  readonly contract: FeedContract
  readonly delivery: Delivery
  /** The delivery's file. */
  readonly file: string
  readonly limits: { readonly maxRecordBytes: number }
  readonly facts: Summary
  readonly signal: AbortSignal
}

interface Counted {
  readonly read: number
  readonly rejected: number
}

/** @throws Failure SPARK_MISSING, ENGINE_FAILED, … and RECONCILIATION_FAILED where the tables have other rows than Spark counted */
export async function loadBySpark(load: SparkLoad, spark: SparkCluster): Promise<void> {
  const lines = await linesOf(load)
  if (lines !== undefined) return take(load, await runProgram(load, spark, lines))
  await withScratchFile(load.lakehouse, 'parquet', async file => {
    await prepare(load, file)
    await take(load, await runProgram(load, spark, { kind: 'prepared', file }))
  })
}

/** The file as Spark may read it; undefined where only this program's own reader knows what is a record. */
export async function linesOf({
  contract,
  file,
  limits,
}: Pick<SparkLoad, 'contract' | 'file' | 'limits'>): Promise<SparkSource | undefined> {
  // Hadoop takes what stands before a colon for the scheme of an address.
  if (basename(file).includes(':')) return undefined
  const shape = await engineReadable(file, contract, limits)
  return shape === undefined || shape.lineBreaks ? undefined : { kind: 'lines', file, quoted: !shape.plain }
}

/** The records of any other file, with their places, in a form that Spark reads in parallel. */
function prepare({ lakehouse, contract, file, limits }: SparkLoad, target: string): Promise<void> {
  return withScratchFile(lakehouse, 'csv', async canonical => {
    const written = await writeCanonical(file, contract, canonical, limits)
    const source = duckdbReadCanonical(contract.columns, canonical, written)
    await lakehouse.withConnection(async connection => {
      await connection.run(
        `COPY (SELECT * FROM ${source}) TO ${quoteLiteral(target)} (FORMAT parquet, COMPRESSION zstd)`,
      )
    })
  })
}

async function runProgram(load: SparkLoad, spark: SparkCluster, source: SparkSource): Promise<Counted> {
  const { plan, contract, delivery, facts, keepSql, lakehouse, signal } = load
  const program = renderProgram({
    contract,
    facts: deliveryFacts(plan, delivery),
    partition: plan.partition,
    source,
    catalog: spark.catalog,
    summary: facts,
  })
  const programFile = await keepSql(plan.runId, 'load.py', program)
  await keepSql(plan.runId, 'load.conf', propertiesText(spark.configuration(plan.sizing)))
  let counted: Counted | undefined
  await inSpans(load, async (span, steps) => {
    await spark.submit({
      programFile,
      arguments: ['--branch', loadBranch(plan.runId)],
      scratchDir: await lakehouse.scratchDir(),
      mark: programMark,
      signal,
      sizing: plan.sizing,
      traceparent: span?.traceparent,
      onEvent: event => {
        steps(event)
        if (event.event === 'done') counted = event.counts
      },
    })
  })
  if (counted !== undefined) return counted
  throw new Failure('ENGINE_FAILED', 'Spark ended well, and did not say what it counted.')
}

/** The job and each of its steps as spans: a step is open from what the program says at its begin to what it says at its end. */
async function inSpans(
  { spans }: SparkLoad,
  work: (span: RunningSpan | undefined, steps: (event: SparkEvent) => void) => Promise<void>,
): Promise<void> {
  if (spans === undefined) return work(undefined, () => undefined)
  const [name, options] = sparkJobSpan()
  await spans.withSpan(name, options, async span => {
    let end: ((thrown?: unknown) => void) | undefined
    const open: Promise<unknown>[] = []
    const steps = (event: SparkEvent): void => {
      if (event.event === 'started')
        span.set({ [own.sparkVersion]: event.version, [own.sparkApplication]: event.application })
      if (event.event === 'begin') {
        const step = new Promise<void>((resolve, reject) => {
          end = thrown => (thrown === undefined ? resolve() : reject(thrown))
        })
        const [stepName, stepOptions] = sparkStepSpan(event.step)
        open.push(
          spans
            .withSpan(stepName, { ...stepOptions, parent: { traceparent: span.traceparent } }, () => step)
            .catch(() => undefined),
        )
      }
      if (event.event === 'end') end?.()
    }
    try {
      await work(span, steps)
    } catch (error) {
      end?.(error)
      throw error
    } finally {
      end?.()
      await Promise.all(open)
    }
  })
}

/** Errors first, the table last. */
async function take({ lakehouse, plan, facts }: SparkLoad, { read, rejected }: Counted): Promise<void> {
  const branch = loadBranch(plan.runId)
  if (rejected > 0 || (await earlierErrors(lakehouse, plan.writeKey)) !== undefined) {
    const added = rejected > 0 ? await lakehouse.relation(errorTable.table, { branch, added: true }) : undefined
    const rows = added ?? `(SELECT * FROM ${await lakehouse.relation(errorTable.table)} WHERE false)`
    const committed = await commitErrors(lakehouse, {
      select: `SELECT * FROM ${rows} AS rows`,
      writeKey: plan.writeKey,
      facts,
      earlier: { deliveryId: plan.deliveryId, stage: 'bronze' },
    })
    if (committed !== rejected) {
      throw new Failure('RECONCILIATION_FAILED', `Spark turned ${rejected} records away, and wrote ${committed}.`)
    }
  }
  const summary = { ...facts, ...bronzeSummary({ read, rejected }) }
  await lakehouse.adopt(plan.table, { branch, writeKey: plan.writeKey, summary, rows: read - rejected })
  if (rejected > 0) await lakehouse.dropBranch(errorTable.table, branch)
}
