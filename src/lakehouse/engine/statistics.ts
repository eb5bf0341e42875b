/** What `COPY … (RETURN_STATS)` says about a Parquet file, as the metrics of a manifest. */
import { DuckDBMapValue, type DuckDBValue } from '@duckdb/node-api'
import type { Metrics } from '../iceberg/data-file.ts'
import type { SchemaField } from '../iceberg/metadata.ts'
import { lowerBound, parseValue, upperBound, type Value } from '../iceberg/values.ts'

/** One file that a COPY finished. */
export interface WrittenFile {
  readonly path: string
  readonly rows: number
  readonly sizeBytes: number
  readonly columns: ReadonlyMap<string, ColumnStatistics>
}

export interface ColumnStatistics {
  readonly sizeBytes: number
  readonly values: number
  readonly nulls: number
  readonly min?: string | undefined
  readonly max?: string | undefined
}

/** DuckDB cuts text in statistics here, so longer minima and maxima may be equal without the values being so. */
const statisticsTextLength = 256

/** Reads a row of RETURN_STATS: filename, count, file_size_bytes, footer_size_bytes, column_statistics, partition_keys. */
export function writtenFile(row: Record<string, DuckDBValue>): WrittenFile {
  const columns = entries(row.column_statistics).map(([name, value]): [string, ColumnStatistics] => {
    const texts = new Map(entries(value).map(([key, text]) => [key, String(text)]))
    const number = (key: string) => Number(texts.get(key) ?? 0)
    return [
      name.slice(1, -1).replaceAll('""', '"'),
      {
        sizeBytes: number('column_size_bytes'),
        values: number('num_values'),
        nulls: number('null_count'),
        min: texts.get('min'),
        max: texts.get('max'),
      },
    ]
  })
  return {
    path: String(row.filename),
    rows: Number(row.count),
    sizeBytes: Number(row.file_size_bytes),
    columns: new Map(columns),
  }
}

function entries(value: DuckDBValue | undefined): [string, DuckDBValue][] {
  return value instanceof DuckDBMapValue ? value.entries.map(entry => [String(entry.key), entry.value]) : []
}

export function metricsOf(file: WrittenFile, fields: readonly SchemaField[]): Metrics {
  const columnSizes = new Map<number, number>()
  const valueCounts = new Map<number, number>()
  const nullCounts = new Map<number, number>()
  const lowerBounds = new Map<number, Buffer>()
  const upperBounds = new Map<number, Buffer>()
  for (const field of fields) {
    const column = file.columns.get(field.name)
    if (column === undefined) continue
    columnSizes.set(field.id, column.sizeBytes)
    valueCounts.set(field.id, column.values)
    nullCounts.set(field.id, column.nulls)
    const type = String(field.type)
    const min = column.min === undefined ? undefined : parseValue(type, column.min)
    const max = column.max === undefined ? undefined : parseValue(type, column.max)
    const lower = min === undefined ? undefined : lowerBound(type, min)
    const upper = max === undefined ? undefined : upperBound(type, max)
    if (lower !== undefined) lowerBounds.set(field.id, lower)
    if (upper !== undefined) upperBounds.set(field.id, upper)
  }
  return { columnSizes, valueCounts, nullCounts, lowerBounds, upperBounds }
}

/** The range of a column, when the statistics surely tell it; null bounds stand for a column of nulls. */
export function rangeOf(file: WrittenFile, field: SchemaField): { min: Value; max: Value } | undefined {
  const column = file.columns.get(field.name)
  if (column === undefined) return undefined
  if (column.nulls === column.values) return { min: null, max: null }
  if (column.nulls > 0 || column.min === undefined || column.max === undefined) return undefined
  if (Buffer.byteLength(column.max) >= statisticsTextLength) return undefined
  const min = parseValue(String(field.type), column.min)
  const max = parseValue(String(field.type), column.max)
  return min === undefined || max === undefined ? undefined : { min, max }
}
