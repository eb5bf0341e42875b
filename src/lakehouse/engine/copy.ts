/**
 * Rows of a select become Parquet data files in their partitions. DuckDB streams; no row passes through JavaScript.
 *
 * The file is written once, in the select's order, before anybody knows its partition: its statistics then tell whether
 * all rows share one, as a delivery's rows do, and the finished file moves there. Only a file that spans partitions is
 * split, from Parquet, at a small part of the cost of the first pass.
 */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { Failure } from '../../../contracts/failures.ts'
import { type DataFile, deletePathId, deletePositionId } from '../iceberg/data-file.ts'
import type { PartitionSpec, TableSchema } from '../iceberg/metadata.ts'
import {
  applyTransform,
  type PartitionColumn,
  partitionColumns,
  partitionPath,
  transformSql,
} from '../iceberg/partition.ts'
import { duckdbType, fitsExactly } from '../iceberg/types.ts'
import type { Value } from '../iceberg/values.ts'
import { quoteIdentifier, quoteLiteral } from '../identifiers.ts'
import { eachOf } from '../storage/each.ts'
import type { Storage } from '../storage/storage.ts'
import { metricsOf, rangeOf, type WrittenFile, writtenFile } from './statistics.ts'

/** Where files of a write go: `scratchDir` on the same disk, then below `<tableLocation>/data`. */
export interface Target {
  readonly schema: TableSchema
  readonly spec: PartitionSpec
  readonly tableLocation: string
  readonly scratchDir: string
  readonly storage: Storage
}

/** A store takes its time for each file, however small. */
const placedAtOnce = 4

/** Writes the rows of `select`; no rows, no file. Throws TABLE_INCOMPATIBLE when columns or required values do not fit. */
export async function writeRows(connection: DuckDBConnection, select: string, target: Target): Promise<DataFile[]> {
  const projection = await projectionOf(connection, select, target.schema)
  const path = scratchFile(target)
  try {
    const [written] = await copy(connection, projection, path, `FIELD_IDS ${fieldIds(target.schema)}`)
    if (written === undefined || written.rows === 0) return []
    refuseMissingValues(written, target.schema)
    const columns = partitionColumns(target.spec, target.schema)
    const tuple = sharedPartition(written, columns)
    if (tuple !== undefined) return [await place(written, tuple, columns, target)]
    return await split(connection, written, columns, target)
  } finally {
    await rm(path, { force: true })
  }
}

/** Writes one position delete file; `positions` yields file_path and pos, sorted, all of one partition. */
export async function writeDeletes(
  connection: DuckDBConnection,
  positions: string,
  partition: readonly Value[],
  target: Target,
): Promise<DataFile> {
  const [written] = await copy(
    connection,
    positions,
    scratchFile(target),
    `FIELD_IDS {file_path: ${deletePathId}, pos: ${deletePositionId}}`,
  )
  if (written === undefined) throw new Failure('ENGINE_FAILED', 'DuckDB wrote no delete file and gave no reason.')
  const bounds = await connection.runAndReadAll(`SELECT min(file_path), max(file_path) FROM (${positions})`)
  const [lower, upper] = bounds.getRows()[0] ?? []
  const placed = await place(written, partition, partitionColumns(target.spec, target.schema), target, 'deletes-')
  const fields = [
    { id: deletePathId, name: 'file_path', required: true, type: 'string' },
    { id: deletePositionId, name: 'pos', required: true, type: 'long' },
  ]
  const metrics = metricsOf(written, fields)
  return {
    ...placed,
    content: 'position-deletes',
    metrics: {
      ...metrics,
      lowerBounds: new Map(metrics.lowerBounds).set(deletePathId, Buffer.from(String(lower))),
      upperBounds: new Map(metrics.upperBounds).set(deletePathId, Buffer.from(String(upper))),
    },
  }
}

function scratchFile(target: Target): string {
  return join(target.scratchDir, `${randomUUID()}.parquet`)
}

async function copy(
  connection: DuckDBConnection,
  select: string,
  path: string,
  options: string,
): Promise<WrittenFile[]> {
  const result = await connection.runAndReadAll(
    `COPY (\n${select}\n) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd, RETURN_STATS, ${options})`,
  )
  return result.getRowObjects().map(writtenFile)
}

/** The table's columns in its order and types, taken by name from the select. */
async function projectionOf(connection: DuckDBConnection, select: string, schema: TableSchema): Promise<string> {
  const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM (\n${select}\n)`)
  const given = new Map(described.getRowObjects().map(row => [String(row.column_name), String(row.column_type)]))
  const items = schema.fields.map(field => {
    const type = duckdbType(field.type)
    const from = given.get(field.name)
    given.delete(field.name)
    if (from === undefined && field.required) {
      throw new Failure('TABLE_INCOMPATIBLE', `The rows have no column "${field.name}", which the table requires.`)
    }
    if (from !== undefined && !fitsExactly(from, String(field.type))) {
      throw new Failure('TABLE_INCOMPATIBLE', `Column "${field.name}" is ${from} and the table keeps ${type}.`, {
        wayOut: 'Cast the column in the select, so that what happens to its values is written down.',
      })
    }
    const name = quoteIdentifier(field.name)
    return from === type ? name : `CAST(${from === undefined ? 'NULL' : name} AS ${type}) AS ${name}`
  })
  if (given.size > 0) {
    throw new Failure(
      'TABLE_INCOMPATIBLE',
      `The table has no column ${[...given.keys()].map(name => `"${name}"`).join(', ')}.`,
    )
  }
  return `SELECT ${items.join(', ')} FROM (\n${select}\n)`
}

function fieldIds(schema: TableSchema): string {
  return `{${schema.fields.map(field => `${quoteIdentifier(field.name)}: ${field.id}`).join(', ')}}`
}

function refuseMissingValues(written: WrittenFile, schema: TableSchema): void {
  for (const field of schema.fields) {
    const nulls = written.columns.get(field.name)?.nulls ?? 0
    if (field.required && nulls > 0) {
      throw new Failure(
        'TABLE_INCOMPATIBLE',
        `${nulls} of ${written.rows} rows lack "${field.name}", which the table requires.`,
      )
    }
  }
}

/** The partition tuple that all rows of a file share, or undefined. Transforms keep order, so equal ends mean one value. */
function sharedPartition(written: WrittenFile, columns: readonly PartitionColumn[]): Value[] | undefined {
  const tuple: Value[] = []
  for (const column of columns) {
    const range = rangeOf(written, column.source)
    if (range === undefined) return undefined
    const value = applyTransform(column, range.min)
    if (value !== applyTransform(column, range.max)) return undefined
    tuple.push(value)
  }
  return tuple
}

async function place(
  written: WrittenFile,
  partition: readonly Value[],
  columns: readonly PartitionColumn[],
  target: Target,
  prefix = '',
): Promise<DataFile> {
  const directory = [target.tableLocation, 'data', partitionPath(columns, partition)]
    .filter(part => part !== '')
    .join('/')
  const location = `${directory}/${prefix}${randomUUID()}.parquet`
  await target.storage.publishFile(written.path, location)
  const { rows, sizeBytes } = written
  return { content: 'data', location, partition, rows, sizeBytes, metrics: metricsOf(written, target.schema.fields) }
}

/** One file per partition. Partitions are numbered, so that no value has to survive a trip through a directory name. */
async function split(
  connection: DuckDBConnection,
  written: WrittenFile,
  columns: readonly PartitionColumn[],
  target: Target,
): Promise<DataFile[]> {
  const source = `read_parquet(${quoteLiteral(written.path)})`
  const keys = columns.map((column, index) => ({ name: `key_${index}`, sql: transformSql(column) }))
  const keyed = `SELECT *, ${keys.map(key => `${key.sql} AS ${key.name}`).join(', ')} FROM ${source}`
  const names = keys.map(key => key.name).join(', ')
  await connection.run(`CREATE OR REPLACE TEMP TABLE _partitions AS
    SELECT row_number() OVER () AS _partition, * FROM (SELECT DISTINCT ${names} FROM (${keyed}))`)
  const tuples = new Map<number, Value[]>()
  for (const [ordinal, ...values] of (await connection.runAndReadAll('FROM _partitions')).getRows()) {
    tuples.set(Number(ordinal), values.map(asValue))
  }
  const directory = `${written.path}.split`
  const own = target.schema.fields.map(field => `file.${quoteIdentifier(field.name)}`).join(', ')
  const matches = keys.map(key => `file.${key.name} IS NOT DISTINCT FROM part.${key.name}`).join(' AND ')
  try {
    const parts = await copy(
      connection,
      `SELECT ${own}, part._partition FROM (${keyed}) AS file JOIN _partitions AS part ON ${matches}`,
      directory,
      `FIELD_IDS ${fieldIds(target.schema)}, PARTITION_BY (_partition), WRITE_PARTITION_COLUMNS false`,
    )
    const files: DataFile[] = []
    await eachOf([...parts.entries()], placedAtOnce, async ([index, part]) => {
      const ordinal = Number(/_partition=(\d+)/.exec(part.path.slice(directory.length))?.[1])
      files[index] = await place(part, tuples.get(ordinal) ?? [], columns, target)
    })
    return files
  } finally {
    await rm(directory, { recursive: true, force: true })
    await connection.run('DROP TABLE IF EXISTS _partitions')
  }
}

function asValue(value: DuckDBValue): Value {
  if (value === null || typeof value === 'object') return null
  return value
}
