/** Tables as a whole: made, widened, described. */
import { Failure } from '../../contracts/failures.ts'
import type { Tables } from './commit.ts'
import { expiredWrites, findWrite } from './expired-writes.ts'
import { currentSchema, currentSpec, emptyTable, type Snapshot, type TableMetadata } from './iceberg/metadata.ts'
import { newSpec, type Partitioning } from './iceberg/partition.ts'
import { type Column, type Evolution, evolved, newSchema, refuseOtherTypes, withColumns } from './iceberg/schema.ts'
import {
  ancestors,
  headOf,
  mainBranch,
  nextTimestamp,
  snapshotOf,
  withBranch,
  withoutBranch,
} from './iceberg/snapshots.ts'
import type { Summary } from './iceberg/summary.ts'
import { assertTableName, type TableName, tableText } from './identifiers.ts'
import type { Storage } from './storage/storage.ts'

export interface TableDefinition {
  readonly columns: readonly Column[]
  /** What the files are divided by; the columns are also kept in the files. */
  readonly partition?: readonly Partitioning[] | undefined
  readonly properties?: Readonly<Record<string, string>> | undefined
}

export interface TableDescription {
  readonly table: TableName
  readonly location: string
  readonly columns: readonly (Column & { readonly id: number })[]
  readonly partition: readonly Partitioning[]
  readonly properties: Readonly<Record<string, string>>
  /** Head of `main`; undefined while nothing has been published. */
  readonly snapshotId: string | undefined
  /** Heads of all branches, `main` among them. */
  readonly branches: Readonly<Record<string, string>>
}

export interface SnapshotDescription {
  readonly snapshotId: string
  readonly parentId: string | undefined
  readonly timestampMs: number
  readonly operation: string
  readonly summary: Summary
}

/**
 * Old metadata is of no use to readers: a hundred versions are kept in the log, then files are removed. Writers of other engines, who
 * take these properties as their own, are as patient at the swap as we are.
 */
const defaults = {
  'commit.retry.num-retries': '100',
  'commit.retry.min-wait-ms': '20',
  'commit.retry.max-wait-ms': '1000',
  'write.format.default': 'parquet',
  'write.parquet.compression-codec': 'zstd',
  'write.metadata.previous-versions-max': '100',
  'write.metadata.delete-after-commit.enabled': 'true',
}

/** Makes the table, or finds it: an existing one keeps its columns, and a column of a type that does not go with them is refused. */
export async function createTable(
  tables: Tables,
  storage: Storage,
  table: TableName,
  definition: TableDefinition,
): Promise<TableDescription> {
  assertTableName(table)
  if ((await tables.find(table)) === undefined) {
    const schema = newSchema(definition.columns)
    await tables.create(
      table,
      emptyTable({
        location: storage.tableLocation(table),
        schema,
        spec: newSpec(schema, definition.partition ?? []),
        properties: { ...defaults, ...definition.properties },
      }),
    )
  }
  const { metadata } = await tables.load(table)
  refuseOtherTypes(currentSchema(metadata), definition.columns)
  return describe(table, metadata)
}

/** Adds the columns the table lacks, all optional, each with a new field id, and widens those that are too narrow. */
export async function addColumns(
  tables: Tables,
  table: TableName,
  columns: readonly Column[],
): Promise<TableDescription> {
  return tables.change(table, async ({ metadata }) => {
    const widened = withColumns(metadata, columns)
    if (widened === metadata) return { kind: 'none', result: describe(table, metadata) }
    const next = { ...widened, 'last-updated-ms': nextTimestamp(metadata) }
    return { kind: 'write', metadata: next, files: [], result: describe(table, next) }
  })
}

/** Renames columns and makes them optional, by field id: no file is written anew. */
export async function evolve(tables: Tables, table: TableName, evolution: Evolution): Promise<TableDescription> {
  return tables.change(table, async ({ metadata }) => {
    const changed = evolved(metadata, evolution)
    if (changed === metadata) return { kind: 'none', result: describe(table, metadata) }
    const next = { ...changed, 'last-updated-ms': nextTimestamp(metadata) }
    return { kind: 'write', metadata: next, files: [], result: describe(table, next) }
  })
}

/** Drops a branch; true when there was one. Snapshots that only it could reach go with it. */
export async function dropBranch(tables: Tables, table: TableName, branch: string): Promise<boolean> {
  if (branch === mainBranch) throw new Failure('TABLE_INCOMPATIBLE', `${tableText(table)} cannot be without main.`)
  return tables.change(table, async ({ metadata }) => {
    if (headOf(metadata, branch) === undefined) return { kind: 'none', result: false }
    const next = { ...withoutBranch(metadata, branch), 'last-updated-ms': nextTimestamp(metadata) }
    return { kind: 'write', metadata: next, files: [], result: true }
  })
}

/** Points a branch at a snapshot that the table has, if there is no branch of that name; true when it was made. */
export async function openBranch(
  tables: Tables,
  table: TableName,
  branch: string,
  snapshotId: string,
): Promise<boolean> {
  return tables.change(table, async ({ metadata }) => {
    if (headOf(metadata, branch) !== undefined) return { kind: 'none', result: false }
    const found = snapshotOf(metadata, BigInt(snapshotId))
    if (found === undefined) throw new Failure('TABLE_MISSING', `${tableText(table)} has no snapshot ${snapshotId}.`)
    const next = withBranch(metadata, branch, found['snapshot-id'], nextTimestamp(metadata))
    return { kind: 'write', metadata: next, files: [], result: true }
  })
}

export function describe(table: TableName, metadata: TableMetadata): TableDescription {
  const schema = currentSchema(metadata)
  const nameOf = (id: number) => schema.fields.find(field => field.id === id)?.name ?? String(id)
  const heads = Object.entries(metadata.refs).filter(([, reference]) => reference.type === 'branch')
  const main = headOf(metadata, mainBranch)?.['snapshot-id']
  return {
    table,
    location: metadata.location,
    columns: schema.fields.map(({ id, name, type, required, doc }) => ({
      id,
      name,
      type: String(type).replace(' ', ''),
      required,
      doc,
    })),
    partition: currentSpec(metadata).fields.map(item => ({
      column: nameOf(item['source-id']),
      transform: item.transform,
    })),
    properties: metadata.properties,
    snapshotId: main === undefined ? undefined : String(main),
    branches: Object.fromEntries(heads.map(([name, reference]) => [name, String(reference['snapshot-id'])])),
  }
}

/** The snapshots of a branch, newest first; none for a branch that does not exist. */
export function historyOf(metadata: TableMetadata, branch: string): SnapshotDescription[] {
  return [...ancestors(metadata, headOf(metadata, branch))].map(describeSnapshot)
}

/** Every write of `main`, newest first; of those whose snapshot has expired what it said. */
export async function writesOf(storage: Storage, metadata: TableMetadata): Promise<SnapshotDescription[]> {
  return [...historyOf(metadata, mainBranch), ...(await expiredWrites(storage, metadata)).map(describeSnapshot)]
}

export async function findWriteOf(
  storage: Storage,
  metadata: TableMetadata,
  branch: string,
  writeKey: string,
): Promise<SnapshotDescription | undefined> {
  const found = await findWrite(storage, metadata, branch, writeKey)
  return found === undefined ? undefined : describeSnapshot(found)
}

function describeSnapshot(snapshot: Snapshot): SnapshotDescription {
  const parent = snapshot['parent-snapshot-id']
  return {
    snapshotId: String(snapshot['snapshot-id']),
    parentId: parent == null ? undefined : String(parent),
    timestampMs: snapshot['timestamp-ms'],
    operation: snapshot.summary.operation ?? 'append',
    summary: snapshot.summary,
  }
}
