/**
 * The reading side: which files a snapshot holds, and the SQL that reads them as rows.
 *
 * Columns are found by field id, so a file written before a column was added reads as null there and a renamed column
 * keeps its values. Position deletes are honoured by an anti join, and only for files that a delete file may speak of;
 * all others are read straight.
 */
import { deletePathId, deletePositionId, type LiveFile } from './iceberg/data-file.ts'
import { decodeManifest } from './iceberg/manifest.ts'
import { decodeManifestList, type ManifestListEntry } from './iceberg/manifest-list.ts'
import type { Snapshot, TableSchema } from './iceberg/metadata.ts'
import { duckdbType } from './iceberg/types.ts'
import { quoteIdentifier, quoteList } from './identifiers.ts'
import type { Brought, Storage } from './storage/storage.ts'

/** Reads manifests, which never change, and keeps the most recent ones. */
export interface ManifestReader {
  manifests(snapshot: Snapshot | undefined): Promise<readonly ManifestListEntry[]>
  /** The files of a snapshot, of the manifests that `keep` keeps. */
  files(snapshot: Snapshot | undefined, keep?: (manifest: ManifestListEntry) => boolean): Promise<LiveFiles>
}

export interface LiveFiles {
  readonly data: readonly LiveFile[]
  readonly deletes: readonly LiveFile[]
}

const manifestsKept = 2_000

export function manifestReader(storage: Storage): ManifestReader {
  const kept = new Map<string, readonly LiveFile[]>()
  const read = async (manifest: ManifestListEntry): Promise<readonly LiveFile[]> => {
    const key = `${manifest.location} ${manifest.sequence}`
    const found = kept.get(key) ?? decodeManifest(await storage.read(manifest.location), manifest)
    kept.delete(key)
    kept.set(key, found)
    if (kept.size > manifestsKept) kept.delete(kept.keys().next().value ?? '')
    return found
  }
  const manifests = async (snapshot: Snapshot | undefined) => {
    if (snapshot === undefined) return []
    const location = snapshot['manifest-list']
    return decodeManifestList(await storage.read(location), location)
  }
  return {
    manifests,
    files: async (snapshot, keep = () => true) => {
      const files: LiveFile[] = []
      for (const manifest of (await manifests(snapshot)).filter(keep)) files.push(...(await read(manifest)))
      return {
        data: files.filter(file => file.content === 'data'),
        deletes: files.filter(file => file.content === 'position-deletes'),
      }
    },
  }
}

/** A relation of the table's rows, to stand in a FROM of DuckDB. */
export function rowsSql(storage: Storage, schema: TableSchema, files: LiveFiles): Promise<string> {
  return relationSql(storage, schema, files, [])
}

/** The same with `__path` (local path of the data file) and `__position` (row in it): what a delete is about. */
export function positionsSql(storage: Storage, schema: TableSchema, files: LiveFiles): Promise<string> {
  return relationSql(storage, schema, files, ['__path', '__position'])
}

/** A relation of `__path` and `__position` over position delete files. */
export async function deletesSql(storage: Storage, deletes: readonly LiveFile[]): Promise<string> {
  const map = [schemaEntry(deletePathId, 'file', 'VARCHAR'), schemaEntry(deletePositionId, 'pos', 'BIGINT')]
  // Whatever spelling of the location the deleting engine used, the local path is one.
  return `(SELECT ${storage.pathSql('file')} AS __path, pos AS __position
    FROM read_parquet(${await paths(storage, deletes)}, schema = MAP {${map.join(', ')}}))`
}

async function relationSql(
  storage: Storage,
  schema: TableSchema,
  files: LiveFiles,
  extra: readonly string[],
): Promise<string> {
  const touched = new Set(files.data.filter(file => files.deletes.some(item => mayApply(item, file))))
  const untouched = files.data.filter(file => !touched.has(file))
  const parts: string[] = []
  if (untouched.length > 0) parts.push(await scanSql(storage, schema, untouched, extra, extra.length > 0))
  if (touched.size > 0) {
    const applied = files.deletes.filter(item => [...touched].some(file => mayApply(item, file)))
    const condition = 'scan.__path = gone.__path AND scan.__position = gone.__position'
    const scan = await scanSql(storage, schema, [...touched], extra, true)
    parts.push(`${scan} ANTI JOIN ${await deletesSql(storage, applied)} AS gone ON ${condition}`)
  }
  return `(${parts.length === 0 ? emptySql(schema, extra) : parts.join('\nUNION ALL\n')})`
}

/** Files are read under neutral column names, since a table's own columns may be called anything. */
async function scanSql(
  storage: Storage,
  schema: TableSchema,
  files: readonly LiveFile[],
  extra: readonly string[],
  located: boolean,
): Promise<string> {
  const map = schema.fields.map(field => schemaEntry(field.id, `c${field.id}`, duckdbType(field.type)))
  const scan = `read_parquet(${await paths(storage, files)}, schema = MAP {${map.join(', ')}}`
  const columns = schema.fields.map(field => `scan.c${field.id} AS ${quoteIdentifier(field.name)}`)
  const list = [...columns, ...extra.map(name => `scan.${name}`)].join(', ')
  if (!located) return `SELECT ${list} FROM ${scan}) AS scan`
  return `SELECT ${list} FROM (SELECT * RENAME (file_row_number AS __position)
    FROM ${scan}, filename = '__path', file_row_number = true)) AS scan`
}

function schemaEntry(id: number, name: string, type: string): string {
  return `${id}: {name: '${name}', type: '${type}', default_value: NULL}`
}

function emptySql(schema: TableSchema, extra: readonly string[]): string {
  const columns = schema.fields.map(
    field => `CAST(NULL AS ${duckdbType(field.type)}) AS ${quoteIdentifier(field.name)}`,
  )
  return `SELECT ${[...columns, ...extra.map(name => `NULL AS ${name}`)].join(', ')} WHERE false`
}

/** The files, which are there to be read when this returns. */
export async function paths(storage: Storage, files: readonly Brought[]): Promise<string> {
  await storage.bring(files)
  return quoteList(files.map(file => storage.pathOf(file.location)))
}

/** Whether a delete file may name rows of a data file: same partition, not older, and within its bounds. */
export function mayApply(deletes: LiveFile, data: LiveFile): boolean {
  if (data.sequence > deletes.sequence || data.specId !== deletes.specId) return false
  if (data.partition.some((value, index) => !sameValue(value, deletes.partition[index]))) return false
  const { pathBounds } = deletes
  return pathBounds === undefined || (pathBounds.lower <= data.location && data.location <= pathBounds.upper)
}

function sameValue(left: unknown, right: unknown): boolean {
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0
  return left === right
}
