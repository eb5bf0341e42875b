/**
 * Which existing rows go when new ones are staged: those with the key of a new row, and those the caller names; in scope only.
 *
 * What it costs follows the delivery, not the table: manifests and files that can hold none of the rows are left out by partition and
 * bounds, and in large files keys are looked up in an index. The rest is read through, the columns asked for alone.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { type Target, writeDeletes } from './engine/copy.ts'
import type { DataFile, LiveFile } from './iceberg/data-file.ts'
import { currentSchema, partitionSpecOf, type Snapshot, type TableMetadata } from './iceberg/metadata.ts'
import { quoteIdentifier } from './identifiers.ts'
import { hashesOf, leastIndexedRows, rowsWithKeys } from './key-index.ts'
import { conditionSql, fileHoldsOnly, fileMayHold, keysMayMeet, manifestMayHold } from './narrow.ts'
import { deletesSql, type LiveFiles, type ManifestReader, mayApply, paths, positionsSql } from './scan.ts'
import type { FilesOfSpec } from './snapshot-writer.ts'
import type { Storage } from './storage/storage.ts'
import type { Stage } from './write.ts'

interface Going {
  readonly metadata: TableMetadata
  /** The head whose rows may go. */
  readonly base: Snapshot | undefined
  readonly added: readonly DataFile[]
  readonly write: Stage
  readonly target: Target
}

/** A file with this many times the new rows has its keys looked up one by one. */
const indexFactor = 20

/** Finds the rows to delete and writes their positions, one file for each partition that has any. */
export async function writeStagedDeletes(
  connection: DuckDBConnection,
  reader: ManifestReader,
  going: Going,
): Promise<FilesOfSpec[]> {
  const { metadata, base, write, target } = going
  const inScope = await reader.files(base, manifest => manifestMayHold(metadata, manifest, write.scope))
  const existing = { ...inScope, data: inScope.data.filter(file => fileMayHold(metadata, file, write.scope)) }
  if (existing.data.length === 0) return []
  const selects = [...(await keyed(connection, existing, going)), ...(await named(existing, going))]
  if (selects.length === 0) return []
  const { locations, partitions } = byPartition(target.storage, existing.data)
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
    FROM (${selects.join('\nUNION\n')}) AS going JOIN _data_files AS file ON going.__path = file.path`)
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

/** Rows with the key of a new row. */
async function keyed(connection: DuckDBConnection, existing: LiveFiles, going: Going): Promise<string[]> {
  const { metadata, added, write, target } = going
  const { keyColumns } = write
  if (added.length === 0 || keyColumns.length === 0) return []
  const meeting = existing.data.filter(file => keysMayMeet(metadata, file, added, keyColumns))
  const most = Math.max(leastIndexedRows, indexFactor * added.reduce((sum, file) => sum + file.rows, 0))
  const indexed = meeting.filter(file => file.rows >= most && fileHoldsOnly(metadata, file, write.scope))
  const through = meeting.filter(file => !indexed.includes(file))
  const fresh = `read_parquet(${await paths(target.storage, added)})`
  const same = keyColumns
    .map(quoteIdentifier)
    .map(key => `fresh.${key} IS NOT DISTINCT FROM existing.${key}`)
    .join(' AND ')
  const selects: string[] = []
  if (through.length > 0) {
    const rows = await positionsSql(target.storage, currentSchema(metadata), {
      data: through,
      deletes: existing.deletes,
    })
    selects.push(`SELECT existing.__path, existing.__position
      FROM (SELECT * FROM ${rows} AS existing WHERE ${conditionSql(write.scope)}) AS existing SEMI JOIN ${fresh} AS fresh ON ${same}`)
  }
  if (indexed.length > 0) selects.push(await lookedUp(connection, indexed, existing.deletes, fresh, going))
  return selects
}

/** The same from indexes: rows that were deleted before are in the file still, and are left out. */
async function lookedUp(
  connection: DuckDBConnection,
  files: readonly LiveFile[],
  deletes: readonly LiveFile[],
  fresh: string,
  { metadata, write, target }: Going,
): Promise<string> {
  const { fields } = currentSchema(metadata)
  const keys = write.keyColumns.map(name => fields.find(field => field.name === name)!)
  const hashes = await hashesOf(connection, fresh, write.keyColumns)
  await connection.run('CREATE OR REPLACE TEMP TABLE _looked_up (__path VARCHAR, __position BIGINT)')
  const appender = await connection.createAppender('_looked_up')
  for (const file of files) {
    for (const position of await rowsWithKeys(connection, target.storage, metadata, file, keys, hashes)) {
      appender.appendVarchar(target.storage.pathOf(file.location))
      appender.appendBigInt(BigInt(position))
      appender.endRow()
    }
  }
  appender.closeSync()
  const applied = deletes.filter(item => files.some(file => mayApply(item, file)))
  const rows = 'SELECT __path, __position FROM _looked_up AS found'
  if (applied.length === 0) return rows
  return `${rows} ANTI JOIN ${await deletesSql(target.storage, applied)} AS gone USING (__path, __position)`
}

/** Rows that the caller names. */
async function named(existing: LiveFiles, { metadata, write, target }: Going): Promise<string[]> {
  const { alsoDelete, scope } = write
  if (alsoDelete === undefined) return []
  const data = existing.data.filter(file => fileMayHold(metadata, file, alsoDelete))
  if (data.length === 0) return []
  const rows = await positionsSql(target.storage, currentSchema(metadata), { data, deletes: existing.deletes })
  return [
    `SELECT __path, __position FROM ${rows} AS existing WHERE ${conditionSql(scope)} AND ${conditionSql(alsoDelete)}`,
  ]
}

function byPartition(storage: Storage, files: readonly LiveFile[]) {
  const partitions: { specId: number; partition: LiveFile['partition'] }[] = []
  const numbers = new Map<string, number>()
  const locations = files.map(({ location, specId, partition }) => {
    const key = JSON.stringify([specId, ...partition.map(value => [typeof value, String(value)])])
    const number = numbers.get(key) ?? partitions.push({ specId, partition }) - 1
    numbers.set(key, number)
    return { path: storage.pathOf(location), location, number }
  })
  return { locations, partitions }
}
