/**
 * The staging of one delivery's rows, mapped onto the standard, on a branch of the core table.
 *
 * The bronze rows are mapped once, into a file aside; errors, counts and staged rows are all taken from that file, so they
 * cannot disagree. Invariants:
 * 1. The copies in `product_meta` and the errors are committed first, the branch last: whoever finds it finds all. `main` is not
 *    touched. Each commit has its write key.
 * 2. Only rows of this vendor leave the core table: those of a key that is staged anew, those of this delivery, and those of
 *    deliveries that it replaces. A key that a later delivery holds is left to it.
 * 3. The counts stand in the summary of the staged snapshot: asking again gives the same answer.
 * No SQL is handed in: it is compiled here from the documents that govern the rows.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { FeedContract } from '../../../contracts/data/feed-contract.ts'
import type { TableRef } from '../../../contracts/data/load-plan.ts'
import { Failure } from '../../../contracts/failures.ts'
import type { ToolOutput } from '../../../contracts/tools/index.ts'
import type { StageInput } from '../../../contracts/tools/lakehouse.ts'
import { type CoreTexts, compileCore, coreFacts } from '../../compiler/core-plan.ts'
import { stageLineage } from '../../compiler/lineage.ts'
import { bronzeRef, coreTable } from '../../compiler/tables.ts'
import {
  type Lakehouse,
  mainBranch,
  quoteIdentifier,
  quoteLiteral,
  replacesWithinProperty,
} from '../../lakehouse/lakehouse.ts'
import { createTables, ensureTable } from './create-table.ts'
import type { LakehouseDependencies } from './dependencies.ts'
import { commitErrors, countOf } from './errors.ts'
import { refuseRolledBack } from './marks.ts'
import { stageBranch } from './names.ts'
import { projectRun } from './projection.ts'
import { withScratchFile } from './scratch.ts'
import { coreCountsOf, coreSummary, factsSummary, type KnownCore } from './summary.ts'

type Output = ToolOutput<'lakehouse.stage_core'>

export async function stageCore(dependencies: LakehouseDependencies, input: StageInput): Promise<Output> {
  const { lakehouse } = dependencies
  await refuseRolledBack(lakehouse, input.delivery)
  const before = await findStaged(lakehouse, input)
  if (before === undefined) {
    const { run, contract, mapping, delivery } = input
    const decisions = (await dependencies.decisionsOf?.(delivery.feed, run.id)) ?? []
    await projectRun(lakehouse, { runId: run.id, contract, mapping, decisions })
    await stage(dependencies, input)
  }
  const found = before ?? (await findStaged(lakehouse, input))
  if (found !== undefined) {
    await keepLineage(dependencies, input)
    return { ...found, alreadyDone: before !== undefined }
  }
  throw new Failure('EFFECT_UNKNOWN', 'The staged rows are not on their branch, though nobody refused them.')
}

/** The staged snapshot, on its branch or published from there. */
async function findStaged(lakehouse: Lakehouse, input: StageInput): Promise<Omit<Output, 'alreadyDone'> | undefined> {
  const { table } = coreTable(input.standard)
  const branch = stageBranch(input.run.id)
  if (!(await lakehouse.tableExists(table))) return undefined
  for (const place of [branch, mainBranch]) {
    const found = await lakehouse.findWrite(table, input.writeKey, place)
    const counts = found && coreCountsOf(found.summary)
    if (found === undefined || counts === undefined) continue
    // Published before, and whoever published has forgotten it: the state is gone or older than the warehouse. What was published is
    // shown once more where the validator looks, so that it is judged and told again.
    if (place === mainBranch) await showAgain(lakehouse, input, table, found.snapshotId)
    return { table, branch, snapshotId: found.snapshotId, counts }
  }
  return undefined
}

/** @throws Failure SNAPSHOT_MISSING where what was published can no longer be shown: the rows stand as they are, and nobody judges them anew. */
async function showAgain(lakehouse: Lakehouse, { run, delivery }: StageInput, table: TableRef, snapshotId: string) {
  const { branches } = await lakehouse.loadTable(table)
  if (Object.hasOwn(branches, stageBranch(run.id))) return
  if ((await lakehouse.history(table)).some(snapshot => snapshot.snapshotId === snapshotId)) {
    await lakehouse.openBranch(table, stageBranch(run.id), snapshotId)
    return
  }
  throw new Failure(
    'SNAPSHOT_MISSING',
    `${delivery.file} was published before, by a run of which the state is gone, and its snapshot has expired: nothing is changed.`,
    { wayOut: 'Discard the letter; or replay it to have the rows made and judged again.' },
  )
}

/** Of what is committed: the event says that it is complete. */
async function keepLineage({ keepSql }: LakehouseDependencies, input: StageInput): Promise<void> {
  const lineage = stageLineage(input, coreFacts(input.run, input.delivery))
  await keepSql(input.run.id, 'stage.openlineage.json', JSON.stringify(lineage, null, 2))
}

async function stage({ lakehouse, keepSql }: LakehouseDependencies, input: StageInput): Promise<void> {
  const { run, delivery, contract, standard, mapping, writeKey } = input
  const deliveryId = delivery.id
  const facts = { runId: run.id, traceId: run.traceId, deliveryId }
  const texts = compileCore(input, coreFacts(run, delivery))
  const core = coreTable(standard)
  // The mapping may read columns of a newer contract than the delivery came under: there its rows are null.
  await createTables(lakehouse, { contract })
  await ensureTable(lakehouse, core)
  const bronze = await bronzeRows(lakehouse, contract, deliveryId)
  const rows = await stagedRows(lakehouse, input, texts.accepted)
  await keepSql(run.id, 'stage', sqlOf(bronze, texts, rows))

  await withScratchFile(lakehouse, 'parquet', async mapped => {
    const prepare = async (connection: DuckDBConnection) => {
      await connection.run(`CREATE OR REPLACE TEMP VIEW bronze AS ${bronze}`)
      await connection.run(`CREATE OR REPLACE TEMP VIEW mapped AS SELECT * FROM read_parquet(${quoteLiteral(mapped)})`)
    }
    const counted = await lakehouse.withConnection(async connection => {
      await connection.run(`CREATE OR REPLACE TEMP VIEW bronze AS ${bronze}`)
      await connection.run(`COPY (\n${texts.mapped}\n) TO ${quoteLiteral(mapped)} (FORMAT parquet)`)
      await prepare(connection)
      return count(connection, texts, rows)
    })
    const summary = factsSummary({ ...facts, contractVersion: contract.version })
    await commitErrors(lakehouse, { prepare, select: texts.rejected, writeKey, facts: summary })
    await lakehouse.stage(core.table, {
      branch: stageBranch(run.id),
      prepare,
      rows,
      keyColumns: standard.key,
      scope: { _vendor_name: [contract.vendor] },
      alsoDelete: { _delivery_id: [deliveryId, ...input.replacedDeliveries] },
      writeKey,
      summary: {
        ...summary,
        'aiworkflow.mapping-version': String(mapping.version),
        [replacesWithinProperty]: contract.vendor,
        ...coreSummary(counted),
      },
    })
  })
}

/** The delivery's rows of the raw table, numbered in the order in which they were written. */
export async function bronzeRows(lakehouse: Lakehouse, contract: FeedContract, deliveryId: string): Promise<string> {
  const rows = await lakehouse.relation(bronzeRef(contract), { positions: true })
  return `SELECT * EXCLUDE (__path, __position), row_number() OVER (ORDER BY __path, __position) AS _record_number
FROM ${rows} AS rows
WHERE ${isDelivery([deliveryId])}`
}

/**
 * The accepted rows but those whose key a later delivery holds in the core table; none at all where a later delivery in it
 * was everything the vendor has.
 */
async function stagedRows(lakehouse: Lakehouse, input: StageInput, accepted: string): Promise<string> {
  const { laterDeliveries, standard, contract } = input
  if (laterDeliveries.length === 0) return accepted
  const core = await lakehouse.relation(coreTable(standard).table)
  const key = standard.key.map(quoteIdentifier).join(', ')
  const later = `(
  SELECT ${key} FROM ${core} AS core
  WHERE _vendor_name = ${quoteLiteral(contract.vendor)} AND ${isDelivery(laterDeliveries)}
)`
  return `SELECT * FROM (
${accepted}
) AS accepted
${contract.deliveryMode === 'full' ? `WHERE NOT EXISTS ${later}` : `ANTI JOIN ${later} AS later USING (${key})`}`
}

async function count(connection: DuckDBConnection, texts: CoreTexts, rows: string): Promise<KnownCore> {
  const [found] = (await connection.runAndReadAll(texts.counts)).getRowObjects()
  const [bronze, rejected, accepted] = [Number(found?.bronze), Number(found?.rejected), Number(found?.accepted)]
  const staged = rows === texts.accepted ? accepted : await countOf(connection, `SELECT count(*) FROM (${rows})`)
  return { bronze, rejected, superseded: bronze - rejected - accepted, supersededLater: accepted - staged }
}

export const isDelivery = (ids: readonly string[]): string => `_delivery_id IN (${ids.map(quoteLiteral).join(', ')})`

const sqlOf = (bronze: string, texts: CoreTexts, rows: string): string =>
  [
    `CREATE TEMP VIEW bronze AS\n${bronze}`,
    `CREATE TEMP TABLE mapped AS\n${texts.mapped}`,
    texts.counts,
    texts.rejected,
    rows,
  ]
    .map(text => `${text};\n`)
    .join('\n')
