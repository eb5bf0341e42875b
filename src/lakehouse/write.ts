/** What append, stage and publish share: their inputs and results, and how a write is recognised again. */
import type { DuckDBConnection } from '@duckdb/node-api'
import { Failure } from '../../contracts/failures.ts'
import type { Tables } from './commit.ts'
import type { Target } from './engine/copy.ts'
import type { Engine } from './engine/duckdb.ts'
import type { DataFile } from './iceberg/data-file.ts'
import type { NewManifest } from './iceberg/manifest-list.ts'
import { currentSchema, currentSpec, type Snapshot, type TableMetadata } from './iceberg/metadata.ts'
import { writeKeyProperty } from './iceberg/snapshots.ts'
import type { Summary } from './iceberg/summary.ts'
import type { ManifestReader } from './scan.ts'
import type { Storage } from './storage/storage.ts'

/** The parts a write works with. */
export interface Workshop {
  readonly tables: Tables
  readonly engine: Engine
  readonly reader: ManifestReader
  readonly storage: Storage
}

interface Write {
  /** Runs on this connection (from `withConnection`, with what it holds) instead of one of its own. */
  readonly connection?: DuckDBConnection | undefined
  /** Runs on the write's connection before the SQL, to create temporary tables and views. */
  readonly prepare?: ((connection: DuckDBConnection) => Promise<void>) | undefined
  /** One write key is committed once per branch history, whoever tries and however often. */
  readonly writeKey: string
  /** Kept in the snapshot's summary, beside the standard counts. */
  readonly summary?: Summary | undefined
}

export interface Append extends Write {
  /** `main` unless named; another branch must exist. */
  readonly branch?: string | undefined
  /** DuckDB SQL whose columns are taken by name; a column it lacks is null. Row order is kept within a file. */
  readonly select: string
}

export interface AppendResult {
  readonly snapshotId: string
  readonly addedRows: number
  /** Locations of the data files added; empty when the write was done before. */
  readonly files: readonly string[]
  /** True when the branch held this write key: nothing was written. */
  readonly alreadyDone: boolean
}

export interface Stage extends Write {
  readonly branch: string
  /** DuckDB SQL of the new rows. */
  readonly rows: string
  /** Existing rows with the key of a new row are replaced. */
  readonly keyColumns: readonly string[]
  /** Of existing rows only these may be replaced or deleted. All when left out. */
  readonly scope?: Condition | undefined
  /** Existing rows in scope that go even without a new row of their key. */
  readonly alsoDelete?: Condition | undefined
}

/**
 * Which existing rows: each text column named has one of the values, so that files without any are not looked into; or a SQL predicate,
 * for which all are.
 */
export type Condition = string | Readonly<Record<string, readonly string[]>>

export interface StageResult {
  readonly branch: string
  readonly snapshotId: string
  /** The head of `main` the stage is based on; undefined for an empty table. */
  readonly baseSnapshotId: string | undefined
  readonly addedRows: number
  readonly deletedRows: number
  readonly alreadyDone: boolean
}

export interface Publish {
  readonly branch: string
  readonly writeKey: string
}

export interface PublishResult {
  /** `stage-again`: `main` lost a file that staged deletes refer to, or took rows they should refer to; the branch is as it was. */
  readonly outcome: 'published' | 'already' | 'stage-again'
  /** The snapshot of `main` that holds the write; for `stage-again` the staged one. */
  readonly snapshotId: string
}

/** Runs the engine's part of a write, prepared, on the connection it has or is given. */
export function onConnection<T>(
  shop: Workshop,
  write: Write,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const prepared = async (connection: DuckDBConnection) => {
    await write.prepare?.(connection)
    return work(connection)
  }
  return write.connection === undefined ? shop.engine.withConnection(prepared) : prepared(write.connection)
}

export async function targetOf({ engine, storage }: Workshop, metadata: TableMetadata): Promise<Target> {
  return {
    schema: currentSchema(metadata),
    spec: currentSpec(metadata),
    tableLocation: metadata.location,
    scratchDir: await engine.scratchDir(),
    storage,
  }
}

/** The caller's summary with the write key. */
export function keyedSummary(write: { writeKey: string; summary?: Summary | undefined }): Summary {
  return { ...write.summary, [writeKeyProperty]: write.writeKey }
}

export function countOf(snapshot: Snapshot, key: string): number {
  return Number(snapshot.summary[key] ?? 0)
}

export function branchMissing(branch: string): Failure {
  return new Failure('BRANCH_MISSING', `The table has no branch "${branch}".`)
}

/** Removes the files of a write that came to nothing; they were never visible. */
export async function discardWrite(
  { storage }: Workshop,
  files: readonly DataFile[],
  manifests: readonly NewManifest[],
): Promise<void> {
  await storage.discard([...files, ...manifests].map(file => file.location))
}
