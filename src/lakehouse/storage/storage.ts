/**
 * Where the files of a warehouse are. Two twins: a folder of this machine (`folder.ts`) and an S3-compatible store (`store.ts`).
 *
 * Everything a table names is written once, under a fresh name, and is durable before the catalog row that makes it visible moves:
 * `writeNew` and `publishFile` return only then. A location is what metadata says, never percent-encoded (`file:///a`, `s3://bucket/a`):
 * PyIceberg, Spark and DuckDB all take it so, and a position delete's `file_path` must equal the data file's text exactly.
 *
 * Engines read files of this machine only. So every location has one local path, known without asking anybody, and `bring` makes sure
 * that the file is there.
 */
import type { TableName } from '../identifiers.ts'

export interface Storage {
  /** The folder below which every path lies, and nothing that a query must not see. */
  readonly folder: string
  /** Where a new table's files go. */
  tableLocation(table: TableName): string
  /** The local path of a location, in any of the spellings engines use. Throws TABLE_INCOMPATIBLE for one of another kind. */
  pathOf(location: string): string
  /** The same in SQL, of an expression. */
  pathSql(location: string): string
  read(location: string): Promise<Buffer>
  /** Makes files readable at their paths, for an hour at least. Throws DISK_FULL where there is no room for what is not there yet. */
  bring(files: readonly Brought[]): Promise<void>
  /** Writes a new file durably; fails when one of that name exists. */
  writeNew(location: string, bytes: string | Buffer): Promise<void>
  /** Moves a file that an engine finished into its final place, durably. */
  publishFile(fromPath: string, location: string): Promise<void>
  /** Removes files nobody can see. Best effort: what stays behind is an orphan, not an error. */
  discard(locations: readonly string[]): Promise<void>
  /** Every file below a location. */
  list(location: string): Promise<readonly StoredFile[]>
  /** Gives up what writers that died left half written below a location. */
  dropUnfinished(location: string, beforeMs: number): Promise<void>
}

/** A file as a manifest names it. */
export interface Brought {
  readonly location: string
  readonly sizeBytes: number
}

export interface StoredFile {
  readonly location: string
  readonly sizeBytes: number
  readonly modifiedMs: number
}
