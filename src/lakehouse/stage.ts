/**
 * Stage: new rows and the deletes of the rows they replace, on a branch that starts at the head of `main`. `main` does
 * not move; whoever reads the branch sees the table as it would be.
 *
 * Which rows go is decided on the files of that head alone, by the keys of the new rows, which are read back from their
 * own Parquet file. The deletes are v2 position deletes, one file per partition, sorted by file and position.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { Failure } from '../../contracts/failures.ts'
import type { Change, TableState } from './commit.ts'
import { type Target, writeDeletes, writeRows } from './engine/copy.ts'
import type { DataFile, LiveFile } from './iceberg/data-file.ts'
import type { NewManifest } from './iceberg/manifest-list.ts'
import { currentSchema, partitionSpecOf, type Snapshot, type TableMetadata } from './iceberg/metadata.ts'
import { findWriteIn, headOf, mainBranch, withoutBranch, withSnapshot } from './iceberg/snapshots.ts'
import { pathOf } from './iceberg/storage.ts'
import { summaryOf } from './iceberg/summary.ts'
import { quoteIdentifier, quoteList, type TableName } from './identifiers.ts'
import { stagedStillApplies } from './publish.ts'
import { type LiveFiles, positionsSql } from './scan.ts'
import { type FilesOfSpec, ofCurrentSpec, writeManifests, writeSnapshot } from './snapshot-writer.ts'
import {
  countOf,
  discardWrite,
  keyedSummary,
  onConnection,
  type Stage,
  type StageResult,
  targetOf,
  type Workshop,
} from './write.ts'

export async function stage(shop: Workshop, table: TableName, write: Stage): Promise<StageResult> {
  if (write.branch === mainBranch) {
    throw new Failure('TABLE_INCOMPATIBLE', 'Rows are staged on a branch of their own: main is for publish.')
  }
  const { metadata } = await shop.tables.load(table)
  const before = await heldBefore(shop, metadata, write)
  if (before !== undefined) return before
  const base = headOf(metadata, mainBranch)
  const existing = await shop.reader.files(base)

  const scratchDir = await shop.engine.scratchDir()
  const groups = await onConnection(shop, write, async connection => {
    const target = targetOf(metadata, scratchDir)
    const added = await writeRows(connection, write.rows, target)
    const deletes = await writeStagedDeletes(connection, metadata, existing, added, write, target)
    return [ofCurrentSpec(metadata, added), ...deletes]
  })
  const manifests = await writeManifests(metadata, groups)
  const result = await shop.tables.change(table, current => staged(shop, current, base, write, groups, manifests))
  if (result.alreadyDone)
    await discardWrite(
      groups.flatMap(group => group.files),
      manifests,
    )
  return result
}

async function staged(
  shop: Workshop,
  { metadata }: TableState,
  base: Snapshot | undefined,
  write: Stage,
  groups: readonly FilesOfSpec[],
  manifests: readonly NewManifest[],
): Promise<Change<StageResult>> {
  const before = await heldBefore(shop, metadata, write)
  if (before !== undefined) return { kind: 'none', result: before }
  const summary = summaryOf(
    groups.flatMap(group => group.files),
    base,
    keyedSummary(write),
  )
  const snapshot = await writeSnapshot(shop.reader, metadata, base, manifests, summary)
  return {
    kind: 'write',
    metadata: withSnapshot(withoutBranch(metadata, write.branch), write.branch, snapshot),
    files: [snapshot['manifest-list']],
    result: resultOf(write.branch, snapshot, false),
  }
}

/** The result of this write if `main` holds it, or the branch does and can still be published from there. */
async function heldBefore(shop: Workshop, metadata: TableMetadata, write: Stage): Promise<StageResult | undefined> {
  const published = findWriteIn(metadata, mainBranch, write.writeKey)
  if (published !== undefined) return resultOf(write.branch, published, true)
  const head = headOf(metadata, write.branch)
  if (head === undefined || findWriteIn(metadata, write.branch, write.writeKey) !== head) return undefined
  return (await stagedStillApplies(shop, metadata, head)) ? resultOf(write.branch, head, true) : undefined
}

function resultOf(branch: string, snapshot: Snapshot, alreadyDone: boolean): StageResult {
  const parent = snapshot['parent-snapshot-id']
  return {
    branch,
    snapshotId: String(snapshot['snapshot-id']),
    baseSnapshotId: parent == null ? undefined : String(parent),
    addedRows: countOf(snapshot, 'added-records'),
    deletedRows: countOf(snapshot, 'added-position-deletes'),
    alreadyDone,
  }
}

/** Finds the rows to delete and writes their positions, one file for each partition that has any. */
async function writeStagedDeletes(
  connection: DuckDBConnection,
  metadata: TableMetadata,
  existing: LiveFiles,
  added: readonly DataFile[],
  write: Stage,
  target: Target,
): Promise<FilesOfSpec[]> {
  const condition = goingSql(added, write)
  if (existing.data.length === 0 || condition === undefined) return []
  const { locations, partitions } = byPartition(existing.data)
  await connection.run(
    'CREATE OR REPLACE TEMP TABLE _data_files (path VARCHAR, location VARCHAR, partition_number INTEGER)',
  )
  const appender = await connection.createAppender('_data_files')
  for (const { path, location, number } of locations) {
    appender.appendVarchar(path)
    appender.appendVarchar(location)
    appender.appendInteger(number)
    appender.endRow()
  }
  appender.closeSync()
  await connection.run(`CREATE OR REPLACE TEMP TABLE _deletes AS
    SELECT file.location AS file_path, going.__position AS pos, file.partition_number
    FROM (
      SELECT __path, __position FROM ${positionsSql(currentSchema(metadata), existing)} AS existing
      WHERE (${write.scope ?? 'true'}) AND (${condition})
    ) AS going JOIN _data_files AS file ON going.__path = file.path`)
  const touched = await connection.runAndReadAll('SELECT DISTINCT partition_number FROM _deletes ORDER BY 1')
  const groups: FilesOfSpec[] = []
  for (const [number] of touched.getRows()) {
    const { specId, partition } = partitions[Number(number)]!
    const positions = `SELECT file_path, pos FROM _deletes WHERE partition_number = ${number} ORDER BY file_path, pos`
    const spec = partitionSpecOf(metadata, specId)
    groups.push({ specId, files: [await writeDeletes(connection, positions, partition, { ...target, spec })] })
  }
  return groups
}

/** The condition on an existing row to go: a new row has its key, or the caller said so. */
function goingSql(added: readonly DataFile[], write: Stage): string | undefined {
  const conditions: string[] = []
  if (added.length > 0 && write.keyColumns.length > 0) {
    const files = quoteList(added.map(file => pathOf(file.location)))
    const keys = write.keyColumns.map(quoteIdentifier)
    const same = keys.map(key => `fresh.${key} IS NOT DISTINCT FROM existing.${key}`).join(' AND ')
    conditions.push(`EXISTS (SELECT 1 FROM read_parquet(${files}) AS fresh WHERE ${same})`)
  }
  if (write.alsoDelete !== undefined) conditions.push(`(${write.alsoDelete})`)
  return conditions.length === 0 ? undefined : conditions.join(' OR ')
}

function byPartition(files: readonly LiveFile[]) {
  const partitions: { specId: number; partition: LiveFile['partition'] }[] = []
  const numbers = new Map<string, number>()
  const locations = files.map(({ location, specId, partition }) => {
    const key = JSON.stringify([specId, ...partition.map(value => [typeof value, String(value)])])
    const number = numbers.get(key) ?? partitions.push({ specId, partition }) - 1
    numbers.set(key, number)
    return { path: pathOf(location), location, number }
  })
  return { locations, partitions }
}
