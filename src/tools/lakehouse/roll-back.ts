/**
 * The taking back of one delivery, on a branch of the core table: what core is without it.
 *
 * Its rows go. A key that one of them holds gets the row of the last earlier delivery of the vendor that counts and has the key, made
 * again from bronze by the documents in force. A delivery that was everything the vendor has leaves all that the one before it had.
 * Invariants:
 * 1. Only rows of this delivery leave core; a key that a later delivery holds stays as that one left it.
 * 2. A delivery counts if it was published once and carries no mark against it; what was refused brings back nothing.
 * 3. The branch says within whom it replaces, so that publishing meets every write of the vendor that came in between.
 * 4. The counts stand in the summary of the staged snapshot: asking again gives the same answer.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { FeedContract } from '../../../contracts/data/feed-contract.ts'
import type { Mapping } from '../../../contracts/data/mapping.ts'
import { Failure } from '../../../contracts/failures.ts'
import type { ToolOutput } from '../../../contracts/tools/index.ts'
import type { RollbackInput } from '../../../contracts/tools/lakehouse.ts'
import { compileCore } from '../../compiler/core-plan.ts'
import { bronzeRef, coreTable } from '../../compiler/tables.ts'
import {
  type Lakehouse,
  mainBranch,
  quoteIdentifier,
  quoteLiteral,
  replacesWithinProperty,
  tableText,
} from '../../lakehouse/lakehouse.ts'
import { createTables } from './create-table.ts'
import type { LakehouseDependencies } from './dependencies.ts'
import { countOf } from './errors.ts'
import { rolledBack } from './marks.ts'
import { stageBranch } from './names.ts'
import { withScratchFile } from './scratch.ts'
import { bronzeRows, isDelivery } from './stage.ts'
import { coreCountsOf, rollbackOf, rollbackSummary } from './summary.ts'

type Output = ToolOutput<'lakehouse.stage_rollback'>

/** An earlier delivery that may say what a key was. */
interface Earlier {
  readonly deliveryId: string
  readonly contract: FeedContract
  readonly mapping: Mapping
  /** All its keys come back, not only those that the delivery taken back held. */
  readonly whole: boolean
}

/** How often `main` may move under the work before it is given up for now. */
const attempts = 10

export async function stageRollback(dependencies: LakehouseDependencies, input: RollbackInput): Promise<Output> {
  const { lakehouse } = dependencies
  const before = await findStaged(lakehouse, input)
  if (before !== undefined) return { ...before, alreadyDone: true }
  for (let attempt = 1; !(await stage(dependencies, input)); attempt += 1) {
    if (attempt < attempts) continue
    throw new Failure('TABLE_CONFLICT', `Core was moved ${attempts} times while a delivery was being taken back.`)
  }
  const found = await findStaged(lakehouse, input)
  if (found !== undefined) return { ...found, alreadyDone: false }
  throw new Failure('EFFECT_UNKNOWN', 'The rollback is not on its branch, though nobody refused it.')
}

/** The staged snapshot, on its branch or published from there. */
async function findStaged(
  lakehouse: Lakehouse,
  input: RollbackInput,
): Promise<Omit<Output, 'alreadyDone'> | undefined> {
  const { table } = coreTable(input.standard)
  const branch = stageBranch(input.run.id)
  if (!(await lakehouse.tableExists(table)))
    throw new Failure('TABLE_MISSING', `There is no ${tableText(table)}: nothing was ever published.`)
  for (const place of [branch, mainBranch]) {
    const found = await lakehouse.findWrite(table, input.writeKey, place)
    const known = found && rollbackOf(found.summary)
    if (found && known) return { table, branch, snapshotId: found.snapshotId, ...known }
  }
  return undefined
}

/** False where `main` moved meanwhile: what was worked out is about another table then. */
async function stage({ lakehouse, keepSql }: LakehouseDependencies, input: RollbackInput): Promise<boolean> {
  const { run, delivery, standard, writeKey } = input
  const { table } = coreTable(standard)
  const { snapshotId } = await lakehouse.loadTable(table)
  if (snapshotId === undefined)
    throw new Failure('TABLE_MISSING', `${tableText(table)} has no rows: nothing was ever published.`)
  const earlier = await earlierDeliveries(lakehouse, input)
  const core = await lakehouse.relation(table, { snapshotId })
  const kept: string[] = []
  return withScratchFile(lakehouse, 'parquet', async file => {
    const counts = await lakehouse.withConnection(async connection => {
      const removed = await prepare(connection, core, input)
      for (const from of earlier) kept.push(...(await restore(connection, lakehouse, from, input)))
      await connection.run(`COPY (SELECT * FROM restored) TO ${quoteLiteral(file)} (FORMAT parquet)`)
      return { removed, restored: await countOf(connection, 'SELECT count(*) FROM restored') }
    })
    await keepSql(run.id, 'rollback', [beginning(core, input), ...kept].map(text => `${text};\n`).join('\n'))
    const { baseSnapshotId } = await lakehouse.stage(table, {
      branch: stageBranch(run.id),
      rows: `SELECT * FROM read_parquet(${quoteLiteral(file)})`,
      keyColumns: [],
      scope: { _vendor_name: [delivery.feed.vendor] },
      alsoDelete: { _delivery_id: [delivery.id] },
      writeKey,
      summary: {
        'aiworkflow.run-id': run.id,
        'aiworkflow.trace-id': run.traceId,
        'aiworkflow.rolled-back-delivery-id': delivery.id,
        [replacesWithinProperty]: delivery.feed.vendor,
        ...rollbackSummary(counts, snapshotId),
      },
    })
    if (baseSnapshotId === snapshotId) return true
    await lakehouse.dropBranch(table, stageBranch(run.id))
    return false
  })
}

/** Published deliveries of the vendor that came before this one and count, the latest first. */
async function earlierDeliveries(lakehouse: Lakehouse, input: RollbackInput): Promise<Earlier[]> {
  const { delivery, standard, feeds } = input
  const { table } = coreTable(standard)
  const { vendor } = delivery.feed
  const published = new Set(
    (await lakehouse.writes(table)).flatMap(({ summary }) =>
      coreCountsOf(summary) === undefined ? [] : (summary['aiworkflow.delivery-id'] ?? []),
    ),
  )
  const core = await lakehouse.relation(table)
  const read = (sql: string) =>
    lakehouse.withConnection(async connection =>
      (await connection.runAndReadAll(sql)).getRows().map(row => row.map(String)),
    )
  // Whoever has rows in core was published, whatever another engine has done to the table's history.
  for (const [id = ''] of await read(
    `SELECT DISTINCT _delivery_id FROM ${core} AS core WHERE _vendor_name = ${quoteLiteral(vendor)}`,
  ))
    published.add(id)
  const out = await rolledBack(lakehouse, vendor)
  const takenAtMs = await takenAt(lakehouse, delivery)
  const found: (Earlier & { readonly atMs: number })[] = []
  for (const { contract, mapping } of feeds) {
    const bronze = bronzeRef(contract)
    if (!(await lakehouse.tableExists(bronze))) continue
    // The mapping may read columns that the table does not have yet.
    await createTables(lakehouse, { contract })
    const rows = await read(
      `SELECT _delivery_id, epoch_ms(max(_ingested_at)) FROM ${await lakehouse.relation(bronze)} AS bronze GROUP BY 1`,
    )
    const all = rows.map(([id = '', atMs]) => ({ id, atMs: Number(atMs) })).sort((a, b) => b.atMs - a.atMs)
    const counting = all.filter(({ id }) => published.has(id) && !out.has(id) && id !== delivery.id)
    const own = contract.table === delivery.feed.table
    const before = counting.filter(({ atMs }) => atMs < takenAtMs)
    // Of a feed whose deliveries are everything the vendor has, only the latest one counts.
    const full = contract.deliveryMode === 'full'
    const saying = !full ? before : before.length === counting.length ? before.slice(0, 1) : []
    found.push(...saying.map(({ id, atMs }) => ({ deliveryId: id, contract, mapping, whole: full && own, atMs })))
  }
  return found.sort((a, b) => b.atMs - a.atMs)
}

/** When bronze says that the delivery came: the state that knew it then may be gone. */
async function takenAt(lakehouse: Lakehouse, { id, feed, receivedAt }: RollbackInput['delivery']): Promise<number> {
  const rows = await lakehouse.relation(bronzeRef(feed))
  const at = await lakehouse.withConnection(connection =>
    countOf(connection, `SELECT epoch_ms(max(_ingested_at)) FROM ${rows} AS bronze WHERE ${isDelivery([id])}`),
  )
  return at === 0 ? Date.parse(receivedAt) : at
}

const keyOf = ({ standard }: RollbackInput): string => standard.key.map(quoteIdentifier).join(', ')

const beginning = (core: string, input: RollbackInput): string => {
  const [key, vendor] = [keyOf(input), quoteLiteral(input.delivery.feed.vendor)]
  const rows = `FROM ${core} AS core WHERE _vendor_name = ${vendor} AND`
  return `CREATE OR REPLACE TEMP TABLE wanted AS SELECT ${key} ${rows} ${isDelivery([input.delivery.id])};
CREATE OR REPLACE TEMP TABLE held AS SELECT ${key} ${rows} NOT ${isDelivery([input.delivery.id])};
CREATE OR REPLACE TEMP TABLE restored AS SELECT * FROM ${core} AS core LIMIT 0`
}

/** Tables of the keys to be said anew and of those that others hold; answers how many rows go. */
async function prepare(connection: DuckDBConnection, core: string, input: RollbackInput): Promise<number> {
  await connection.run(beginning(core, input))
  return countOf(connection, 'SELECT count(*) FROM wanted')
}

/** Adds what one earlier delivery says of the keys that are still wanted; answers the statements for people. */
async function restore(
  connection: DuckDBConnection,
  lakehouse: Lakehouse,
  { deliveryId, contract, mapping, whole }: Earlier,
  input: RollbackInput,
): Promise<string[]> {
  if (!whole && (await countOf(connection, 'SELECT count(*) FROM wanted')) === 0) return []
  const { run, delivery, standard, normalization, checks, vendor } = input
  const { file, ingestionDate, receivedAt: ingestedAt } = delivery
  const facts = { runId: run.id, traceId: run.traceId, deliveryId, file, ingestionDate, ingestedAt }
  const texts = compileCore({ contract, mapping, standard, normalization, checks, vendor }, facts)
  const key = keyOf(input)
  const chosen = whole
    ? `ANTI JOIN held USING (${key}) ANTI JOIN restored USING (${key})`
    : `SEMI JOIN wanted USING (${key})`
  const statements = [
    `CREATE OR REPLACE TEMP VIEW bronze AS ${await bronzeRows(lakehouse, contract, deliveryId)}`,
    `CREATE OR REPLACE TEMP TABLE mapped AS ${texts.mapped}`,
    `CREATE OR REPLACE TEMP TABLE fresh AS SELECT * FROM (\n${texts.accepted}\n) AS accepted ${chosen}`,
    'INSERT INTO restored BY NAME SELECT * FROM fresh',
    `CREATE OR REPLACE TEMP TABLE wanted AS SELECT ${key} FROM wanted ANTI JOIN fresh USING (${key})`,
  ]
  for (const statement of statements) await connection.run(statement)
  return statements
}
