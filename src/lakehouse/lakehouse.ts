/**
 * The lakehouse: Apache Iceberg v2 tables in a folder or an S3-compatible store, written by DuckDB and committed from here.
 *
 * Owns the warehouse directory: `catalog.sqlite` (which tables there are, unless a REST catalog knows), `<namespace>/<table>/data` and
 * `/metadata`, `<namespace>/<table>/index` (where keys stand in large files; made again when it is gone), and `.scratch` (unfinished
 * files). Where the tables are in a store, it has `.copies` of their files instead, which may go at any time. Spark, PyIceberg and other engines may read and write the same tables at the same
 * time through the same catalog. Invariants:
 *  1. What a reader sees is always one whole snapshot: files first, then one compare-and-swap of a catalog row.
 *  2. A write key is committed at most once in a branch's history, however many writers try it at once.
 *  3. Rows never pass through JavaScript; memory is bounded by the engine's limit, not by the data.
 *  4. Files are never changed, only added; columns are known by field id.
 * It fails with a Failure whose code says what to do; whatever was not committed is invisible, at worst an orphan file.
 * A write key is forgotten when another engine expires the snapshot that carries it; `maintain` keeps it.
 */

import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { Failure } from '../../contracts/failures.ts'
import { type Adopt, adopt } from './adopt.ts'
import { append } from './append.ts'
import { openRestCatalog, type RestCatalogOptions } from './catalog/rest.ts'
import { openSqliteCatalog } from './catalog/sqlite.ts'
import { tablesOf } from './commit.ts'
import { divideTable } from './divide.ts'
import { duckdbEngine } from './engine/duckdb.ts'
import { currentSchema, type TableMetadata } from './iceberg/metadata.ts'
import type { Partitioning } from './iceberg/partition.ts'
import type { Column, Evolution } from './iceberg/schema.ts'
import { headOf, mainBranch, snapshotOf } from './iceberg/snapshots.ts'
import type { TableName } from './identifiers.ts'
import { type Maintained, type MaintainPolicy, maintain } from './maintenance/maintain.ts'
import { publish } from './publish.ts'
import { type QueryOptions, type QueryResult, query } from './query.ts'
import { manifestReader, positionsSql, rowsSql } from './scan.ts'
import { stage } from './stage.ts'
import { folderStorage } from './storage/folder.ts'
import { openS3, type StoreOptions } from './storage/s3.ts'
import { objectStorage } from './storage/store.ts'
import {
  addColumns,
  createTable,
  describe,
  dropBranch,
  evolve,
  findWriteOf,
  historyOf,
  openBranch,
  type SnapshotDescription,
  type TableDefinition,
  type TableDescription,
  writesOf,
} from './tables.ts'
import {
  type Append,
  type AppendResult,
  branchMissing,
  type Publish,
  type PublishResult,
  type Stage,
  type StageResult,
} from './write.ts'

export { type Json, renderValue } from './engine/render.ts'
export type { Partitioning } from './iceberg/partition.ts'
export type { Column, Evolution } from './iceberg/schema.ts'
export { mainBranch, replacesWithinProperty, writeKeyProperty } from './iceberg/snapshots.ts'
export { quoteIdentifier, quoteLiteral, type TableName, tableText } from './identifiers.ts'
export type { Maintained, MaintainPolicy } from './maintenance/maintain.ts'
export type { QueryOptions, QueryResult } from './query.ts'
export type { StoreOptions } from './storage/s3.ts'
export type { SnapshotDescription, TableDefinition, TableDescription } from './tables.ts'
export type { Append, AppendResult, Condition, Publish, PublishResult, Stage, StageResult } from './write.ts'

/** What the catalog in the warehouse is called, and has to be by every engine that opens it. */
export const defaultCatalogName = 'aiworkflow'

export interface LakehouseOptions {
  /** The warehouse folder; made where it is missing. */
  readonly warehouseDir: string
  /** The name of the catalog in the warehouse, which other engines have to use too. */
  readonly catalogName?: string | undefined
  /** An S3-compatible store that has the tables' files; the warehouse folder keeps copies of those it reads. */
  readonly store?: (StoreOptions & { readonly mostCopiedBytes: number }) | undefined
  /** An Iceberg REST catalog instead of the one in the warehouse. */
  readonly rest?: RestCatalogOptions | undefined
  /** The engine's memory limit in DuckDB's spelling, e.g. `1GB`; what exceeds it goes to the warehouse's disk. */
  readonly memoryLimit?: string | undefined
}

/** Which rows: the head of `branch` (`main` unless named), or a snapshot by id. */
export interface Version {
  readonly branch?: string | undefined
  readonly snapshotId?: string | undefined
  /** With `__path` (the data file) and `__position` (the row in it) of every row: the order in which rows were written. */
  readonly positions?: boolean | undefined
  /** Only the rows that this snapshot itself added. */
  readonly added?: boolean | undefined
}

/** Every method throws TABLE_MISSING for a table that does not exist, except those that ask for it. */
export interface Lakehouse {
  /** Makes a table or finds it. Throws TABLE_INCOMPATIBLE when a column exists with another type. */
  createTable(table: TableName, definition: TableDefinition): Promise<TableDescription>
  /** Adds optional columns that the table lacks. Throws TABLE_INCOMPATIBLE for required ones and other types. */
  addColumns(table: TableName, columns: readonly Column[]): Promise<TableDescription>
  /** Divides new files by these too, see divide.ts; nothing that is there is written anew. */
  divide(table: TableName, partition: readonly Partitioning[]): Promise<TableDescription>
  /** Renames columns and makes required ones optional. Done before, it changes nothing. Throws TABLE_INCOMPATIBLE. */
  evolve(table: TableName, evolution: Evolution): Promise<TableDescription>
  loadTable(table: TableName): Promise<TableDescription>
  listTables(): Promise<readonly TableName[]>
  tableExists(table: TableName): Promise<boolean>
  /** Adds rows, once per write key. No rows make a snapshot too, so that "done" can be seen. */
  append(table: TableName, write: Append): Promise<AppendResult>
  /** Puts new rows and the deletes of those they replace on a branch made from `main`. */
  stage(table: TableName, write: Stage): Promise<StageResult>
  /** Makes a staged branch `main` and drops it. Throws BRANCH_MISSING when neither holds the write key. */
  publish(table: TableName, write: Publish): Promise<PublishResult>
  /** Takes what another engine appended to a branch into `main`, once per write key, and drops the branch. */
  adopt(table: TableName, write: Adopt): Promise<Omit<AppendResult, 'files'>>
  /** Makes a branch that shows the table as it was at a snapshot; false where one of that name exists. */
  openBranch(table: TableName, branch: string, snapshotId: string): Promise<boolean>
  dropBranch(table: TableName, branch: string): Promise<boolean>
  /** The snapshots of a branch, newest first. */
  history(table: TableName, version?: { readonly branch?: string | undefined }): Promise<readonly SnapshotDescription[]>
  /** Every write that `main` holds, newest first, expired ones among them. */
  writes(table: TableName): Promise<readonly SnapshotDescription[]>
  findWrite(table: TableName, writeKey: string, branch?: string): Promise<SnapshotDescription | undefined>
  /** SQL to stand in a FROM of a statement on `withConnection`: the rows of one snapshot, whatever is committed later. */
  relation(table: TableName, version?: Version): Promise<string>
  /** A connection of its own to the engine, in UTC, for statements this program wrote; it is closed afterwards. */
  withConnection<T>(work: (connection: DuckDBConnection) => Promise<T>): Promise<T>
  /** Compacts small and worn files, lets old snapshots expire, removes files that nothing names. Rows and known writes stay. */
  maintain(table: TableName, policy: MaintainPolicy, nowMs?: number): Promise<Maintained>
  /** One reading statement, from anybody. Throws QUERY_REFUSED, QUERY_FAILED or TABLE_MISSING. */
  query(sql: string, options?: QueryOptions): Promise<QueryResult>
  /** A directory on the warehouse's disk for files that are not finished; what a killed process leaves there goes away. */
  scratchDir(): Promise<string>
  close(): Promise<void>
}

export function openLakehouse(options: LakehouseOptions): Lakehouse {
  mkdirSync(options.warehouseDir, { recursive: true })
  const warehouseDir = realpathSync(options.warehouseDir)
  if (/[?#*[\]]/.test(warehouseDir)) {
    throw new Failure(
      'SETTING_INVALID',
      `The warehouse path ${warehouseDir} has one of ? # * [ ], which engines read as patterns.`,
    )
  }
  const s3 = options.store && openS3(options.store)
  const storage =
    s3 === undefined || options.store === undefined
      ? folderStorage(warehouseDir)
      : objectStorage({
          s3,
          url: options.store.url,
          folder: join(warehouseDir, '.copies'),
          mostBytes: options.store.mostCopiedBytes,
        })
  const catalog =
    options.rest === undefined
      ? openSqliteCatalog(join(warehouseDir, 'catalog.sqlite'), options.catalogName ?? defaultCatalogName, storage)
      : openRestCatalog(options.rest)
  const tables = tablesOf(catalog, storage)
  const memoryLimit = options.memoryLimit ?? '1GB'
  const engine = duckdbEngine({ warehouseDir, readableDir: storage.folder, memoryLimit })
  const shop = { tables, engine, storage, reader: manifestReader(storage) }

  return {
    createTable: (table, definition) => createTable(tables, storage, table, definition),
    addColumns: (table, columns) => addColumns(tables, table, columns),
    divide: (table, partition) => divideTable(tables, table, partition),
    evolve: (table, evolution) => evolve(tables, table, evolution),
    loadTable: async table => describe(table, (await tables.load(table)).metadata),
    listTables: () => catalog.list(),
    tableExists: async table => (await catalog.load(table)) !== undefined,
    append: (table, write) => append(shop, table, write),
    stage: (table, write) => stage(shop, table, write),
    publish: (table, write) => publish(shop, table, write),
    adopt: (table, write) => adopt(shop, table, write),
    openBranch: (table, branch, snapshotId) => openBranch(tables, table, branch, snapshotId),
    dropBranch: (table, branch) => dropBranch(tables, table, branch),
    history: async (table, version) => historyOf((await tables.load(table)).metadata, version?.branch ?? mainBranch),
    writes: async table => writesOf(storage, (await tables.load(table)).metadata),
    findWrite: async (table, writeKey, branch) =>
      findWriteOf(storage, (await tables.load(table)).metadata, branch ?? mainBranch, writeKey),
    relation: async (table, version) => {
      const { metadata } = await tables.load(table)
      const sqlOf = version?.positions === true ? positionsSql : rowsSql
      const snapshot = snapshotAt(metadata, version ?? {})
      const own = (manifest: { snapshotId: bigint }) => manifest.snapshotId === snapshot?.['snapshot-id']
      const files = await shop.reader.files(snapshot, version?.added === true ? own : undefined)
      return sqlOf(storage, currentSchema(metadata), files)
    },
    withConnection: work => engine.withConnection(work),
    maintain: (table, policy, nowMs = Date.now()) => maintain(shop, table, policy, nowMs),
    query: (sql, queryOptions) => query({ ...shop, list: () => catalog.list() }, sql, queryOptions),
    scratchDir: () => engine.scratchDir(),
    close: async () => {
      await engine.close()
      await catalog.close()
      s3?.close()
    },
  }
}

function snapshotAt(metadata: TableMetadata, { branch = mainBranch, snapshotId }: Version) {
  if (snapshotId !== undefined) {
    const found = snapshotOf(metadata, BigInt(snapshotId))
    if (found === undefined) throw new Failure('TABLE_MISSING', `The table has no snapshot ${snapshotId}.`)
    return found
  }
  const head = headOf(metadata, branch)
  if (head === undefined && branch !== mainBranch) throw branchMissing(branch)
  return head
}
