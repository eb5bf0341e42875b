/**
 * Where keys stand in a large data file, without reading the file: beside it, below `index/`, lies the sorted list of its keys' hashes,
 * made when it is first wanted. Data files never change, so an index never does; one that is gone is made again.
 *
 * A hash is 96 bits of the MD5 of the key, spelled so that no two keys spell alike: that two of a billion keys agree by chance has odds
 * of one in ten billion. Layout: how many entries end before each of 2^n buckets (by the leading bits of the hash), then entries of hash
 * and row. To look a key up is to read one bucket, whatever the size of the file.
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { Failure } from '../../contracts/failures.ts'
import type { LiveFile } from './iceberg/data-file.ts'
import type { SchemaField, TableMetadata } from './iceberg/metadata.ts'
import { duckdbType } from './iceberg/types.ts'
import { quoteIdentifier } from './identifiers.ts'
import { paths } from './scan.ts'
import { withDisk } from './storage/disk.ts'
import type { Storage } from './storage/storage.ts'

/** Below this many rows a file is read through: that is as fast. */
export const leastIndexedRows = 100_000

/** Names the folder of all indexes of a table, and what of a file name says which layout it is. */
export const indexFolder = 'index'
const layout = 'k1'

const entryBytes = 16
const headerBytes = 8
/** Rows in a bucket, about. */
const bucketRows = 64

/** A key's hash: its leading 64 bits and the 32 after them. */
export interface KeyHash {
  readonly high: bigint
  readonly low: number
}

/** SQL of two columns, `high` and `low`, over columns of these names; each value is spelled with its length. */
export function hashSql(columns: readonly string[]): string {
  const spelled = columns.map(
    name => `coalesce(length(CAST(${name} AS VARCHAR)) || ':' || CAST(${name} AS VARCHAR), '-')`,
  )
  const hash = `md5_number(${spelled.join(" || '|' || ")})`
  return `CAST(${hash} >> 64 AS UBIGINT) AS high, CAST((${hash} >> 32) & 4294967295::UHUGEINT AS UINTEGER) AS low`
}

/** The hashes of the keys in some files of the table's columns. */
export async function hashesOf(
  connection: DuckDBConnection,
  source: string,
  keyColumns: readonly string[],
): Promise<KeyHash[]> {
  const columns = hashSql(keyColumns.map(quoteIdentifier))
  const read = await connection.runAndReadAll(`SELECT DISTINCT ${columns} FROM ${source}`)
  return read.getRows().map(([high, low]) => ({ high: high as bigint, low: Number(low) }))
}

/** The rows of a data file that have one of the keys. */
export async function rowsWithKeys(
  connection: DuckDBConnection,
  storage: Storage,
  metadata: TableMetadata,
  file: LiveFile,
  keys: readonly SchemaField[],
  hashes: readonly KeyHash[],
): Promise<number[]> {
  const path = indexPath(storage, metadata, file, keys)
  const known = await open(path, 'r').catch(() => undefined)
  // One that is cut off, say by a disk that was full under another program, is made again.
  const found = known && (await lookUp(known, hashes).finally(() => known.close()))
  if (found !== undefined) return found
  const made = await withDisk(() => buildIndex(connection, storage, file, keys, path))
  const rows = await lookUp(made, hashes).finally(() => made.close())
  if (rows !== undefined) return rows
  throw new Failure('ENGINE_FAILED', `The index of keys of ${file.location} cannot be read back.`)
}

/** By field ids: a column that is renamed stays the key it was. */
function indexPath(storage: Storage, metadata: TableMetadata, file: LiveFile, keys: readonly SchemaField[]): string {
  const name = `${basename(file.location)}.${keys.map(({ id }) => id).join('-')}.${layout}`
  return join(storage.pathOf(metadata.location), indexFolder, name)
}

async function buildIndex(
  connection: DuckDBConnection,
  storage: Storage,
  file: LiveFile,
  keys: readonly SchemaField[],
  path: string,
): Promise<FileHandle> {
  const map = keys.map(({ id, type }) => `${id}: {name: 'c${id}', type: '${duckdbType(type)}', default_value: NULL}`)
  const source = `read_parquet(${await paths(storage, [file])}, schema = MAP {${map.join(', ')}}, file_row_number = true)`
  const stream = await connection.stream(
    `SELECT ${hashSql(keys.map(({ id }) => `c${id}`))}, CAST(file_row_number AS UINTEGER) FROM ${source} ORDER BY 1, 2`,
  )
  const bits = Math.max(1, Math.ceil(Math.log2(Math.max(2, file.rows / bucketRows))))
  const ends = new Uint32Array(2 ** bits)
  const shift = BigInt(64 - bits)
  const dataStart = headerBytes + ends.byteLength
  await mkdir(dirname(path), { recursive: true })
  const unfinished = `${path}.${randomUUID()}`
  const handle = await open(unfinished, 'w+')
  try {
    let rows = 0
    for (let chunk = await stream.fetchChunk(); chunk && chunk.rowCount > 0; chunk = await stream.fetchChunk()) {
      const [high, low, at] = [0, 1, 2].map(index => chunk!.getColumnVector(index))
      const bytes = Buffer.allocUnsafe(chunk.rowCount * entryBytes)
      for (let row = 0; row < chunk.rowCount; row += 1) {
        const leading = high!.getItem(row) as bigint
        bytes.writeBigUInt64BE(leading, row * entryBytes)
        bytes.writeUInt32BE(low!.getItem(row) as number, row * entryBytes + 8)
        bytes.writeUInt32BE(at!.getItem(row) as number, row * entryBytes + 12)
        ends[Number(leading >> shift)]! += 1
      }
      await handle.write(bytes, 0, bytes.length, dataStart + rows * entryBytes)
      rows += chunk.rowCount
    }
    for (let bucket = 1; bucket < ends.length; bucket += 1) ends[bucket]! += ends[bucket - 1]!
    const header = Buffer.alloc(headerBytes)
    header.writeUInt32LE(bits, 0)
    header.writeUInt32LE(rows, 4)
    await handle.write(header, 0, headerBytes, 0)
    await handle.write(Buffer.from(ends.buffer), 0, ends.byteLength, headerBytes)
    // Whole or not at all: what others open has its name only now.
    await handle.sync()
    await rename(unfinished, path)
    return handle
  } catch (error) {
    await handle.close()
    await rm(unfinished, { force: true })
    throw error
  }
}

/** Undefined where the index is not whole. */
async function lookUp(handle: FileHandle, hashes: readonly KeyHash[]): Promise<number[] | undefined> {
  const header = await readAt(handle, 0, headerBytes)
  const bits = header?.readUInt32LE(0) ?? 0
  const ends = await readAt(handle, headerBytes, 4 * 2 ** bits)
  if (header === undefined || ends === undefined) return undefined
  const dataStart = headerBytes + ends.length
  if ((await handle.stat()).size !== dataStart + entryBytes * header.readUInt32LE(4)) return undefined
  const endOf = (bucket: number) => (bucket < 0 ? 0 : ends.readUInt32LE(4 * bucket))
  const found: number[] = []
  for (const { high, low } of hashes) {
    const bucket = Number(high >> BigInt(64 - bits))
    const [start, end] = [endOf(bucket - 1), endOf(bucket)]
    const entries = await readAt(handle, dataStart + start * entryBytes, (end - start) * entryBytes)
    if (entries === undefined) return undefined
    for (let at = 0; at < entries.length; at += entryBytes) {
      if (entries.readBigUInt64BE(at) === high && entries.readUInt32BE(at + 8) === low)
        found.push(entries.readUInt32BE(at + 12))
    }
  }
  return found
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer | undefined> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await handle.read(buffer, 0, length, position)
  return bytesRead === length ? buffer : undefined
}
