/**
 * Partition specs and transforms: identity, year, month, day (iceberg.apache.org/spec, "Partition Transforms").
 * A transform is given twice, in JavaScript for one value and as SQL for many, and a test holds them together.
 */
import { Failure } from '../../../contracts/failures.ts'
import { pathPart, quoteIdentifier } from '../identifiers.ts'
import type { PartitionField, PartitionSpec, TableSchema } from './metadata.ts'
import { microsPerDay, type Value } from './values.ts'

/** What a table is partitioned by. `transform`: identity, year, month or day. */
export interface Partitioning {
  readonly column: string
  readonly transform: string
}

interface Transform {
  /** The Iceberg types it takes. */
  readonly accepts: readonly string[]
  readonly apply: (value: Value, type: string) => Value
  readonly sql: (column: string, type: string) => string
}

const dates = ['date', 'timestamp', 'timestamptz']

const transforms: Readonly<Record<string, Transform>> = {
  identity: {
    accepts: ['string', 'int', 'long', 'boolean', 'date'],
    apply: value => value,
    sql: (column, type) => (type === 'date' ? daysSql(column) : column),
  },
  year: { accepts: dates, apply: (value, type) => yearMonth(value, type).year - 1970, sql: partsSql('year') },
  month: {
    accepts: dates,
    apply: (value, type) => {
      const { year, month } = yearMonth(value, type)
      return (year - 1970) * 12 + month
    },
    sql: partsSql('month'),
  },
  day: { accepts: dates, apply: days, sql: daysSql },
}

function transformOf(name: string): Transform {
  const transform = transforms[name]
  if (transform !== undefined) return transform
  throw new Failure(
    'TABLE_INCOMPATIBLE',
    `Partition transform "${name}" is not written here: ${Object.keys(transforms).join(', ')}.`,
  )
}

/** The first spec of a table. Throws TABLE_INCOMPATIBLE for an unknown column or one the transform does not take. */
export function newSpec(schema: TableSchema, partition: readonly Partitioning[]): PartitionSpec {
  const fields = partition.map(({ column, transform }, index): PartitionField => {
    const source = schema.fields.find(item => item.name === column)
    if (source === undefined) throw new Failure('TABLE_INCOMPATIBLE', `There is no column "${column}" to partition by.`)
    if (!transformOf(transform).accepts.includes(String(source.type))) {
      throw new Failure(
        'TABLE_INCOMPATIBLE',
        `"${column}" is ${String(source.type)}: it cannot be partitioned by ${transform}.`,
      )
    }
    const name = transform === 'identity' ? column : `${column}_${transform}`
    return { 'source-id': source.id, 'field-id': 1000 + index, name, transform }
  })
  return { 'spec-id': 0, fields }
}

/** One column of the partition tuple: the field with its source column and the type its values have. */
export interface PartitionColumn {
  readonly field: PartitionField
  readonly source: TableSchema['fields'][number]
  readonly type: string
}

export function partitionColumns(spec: PartitionSpec, schema: TableSchema): PartitionColumn[] {
  return spec.fields.map(field => {
    const source = schema.fields.find(item => item.id === field['source-id'])
    if (source === undefined)
      throw new Failure('TABLE_INCOMPATIBLE', `The partition field "${field.name}" has lost its column.`)
    return { field, source, type: resultType(field.transform, String(source.type)) }
  })
}

/** The type of a transform's values, for any transform that other engines may have chosen. */
export function resultType(transform: string, sourceType: string): string {
  if (transform === 'identity' || transform.startsWith('truncate')) return sourceType
  return transform === 'day' ? 'date' : 'int'
}

export function applyTransform(column: PartitionColumn, value: Value): Value {
  return value === null ? null : transformOf(column.field.transform).apply(value, String(column.source.type))
}

/** SQL giving the transform of the source column as text, integer or boolean; a date is days since 1970. */
export function transformSql(column: PartitionColumn): string {
  return transformOf(column.field.transform).sql(quoteIdentifier(column.source.name), String(column.source.type))
}

/** The directory of a partition tuple below `data/`, e.g. `ingestion_date=2026-11-24/vendor_name=acme`. */
export function partitionPath(columns: readonly PartitionColumn[], tuple: readonly Value[]): string {
  return columns
    .map(({ field, type }, index) => `${pathPart(field.name)}=${pathPart(partText(tuple[index] ?? null, type))}`)
    .join('/')
}

function partText(value: Value, type: string): string {
  if (value === null) return 'null'
  return type === 'date' ? new Date(Number(value) * 86_400_000).toISOString().slice(0, 10) : String(value)
}

function days(value: Value, type: string): number {
  if (type === 'date') return Number(value)
  const micros = BigInt(value as bigint)
  const whole = micros / microsPerDay
  return Number(micros < 0n && micros % microsPerDay !== 0n ? whole - 1n : whole)
}

function yearMonth(value: Value, type: string): { year: number; month: number } {
  const date = new Date(days(value, type) * 86_400_000)
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() }
}

function daysSql(column: string): string {
  return partsSql('day')(column)
}

function partsSql(part: string): (column: string) => string {
  return column => `CAST(date_diff('${part}', DATE '1970-01-01', CAST(${column} AS DATE)) AS INTEGER)`
}
