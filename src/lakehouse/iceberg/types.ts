/**
 * Iceberg's primitive types, what DuckDB calls them, and which DuckDB columns may be written as which type without
 * changing a value. Anything that could round or guess has to be a cast that somebody wrote down.
 */
import { Failure } from '../../../contracts/failures.ts'

/** A primitive type as table metadata spells it, e.g. `long`, `decimal(18,2)`, `timestamptz`. */
export type TypeText = string

export interface DecimalType {
  readonly precision: number
  readonly scale: number
}

const duckdbNames: Readonly<Record<string, string>> = {
  string: 'VARCHAR',
  int: 'INTEGER',
  long: 'BIGINT',
  float: 'FLOAT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMP WITH TIME ZONE',
  uuid: 'UUID',
  binary: 'BLOB',
}

/** The types this room creates; other engines may add the rest of `duckdbNames`, which are read only. */
const writable = new Set(['string', 'int', 'long', 'double', 'boolean', 'date', 'timestamp', 'timestamptz'])

const decimalText = /^decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)$/i

export function asDecimal(type: string): DecimalType | undefined {
  const match = decimalText.exec(type)
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) }
}

/** The DuckDB type that reads and writes an Iceberg primitive. Throws TABLE_INCOMPATIBLE for nested and unknown types. */
export function duckdbType(type: unknown): string {
  if (typeof type === 'string') {
    const decimal = asDecimal(type)
    if (decimal !== undefined) return `DECIMAL(${decimal.precision},${decimal.scale})`
    if (type.startsWith('fixed[')) return 'BLOB'
    const name = duckdbNames[type]
    if (name !== undefined) return name
  }
  throw new Failure(
    'TABLE_INCOMPATIBLE',
    `Columns of type ${JSON.stringify(type)} cannot be read here: primitives only.`,
  )
}

/** The type in its canonical spelling. Throws TABLE_INCOMPATIBLE for one this room does not create. */
export function canonicalType(type: string): TypeText {
  const decimal = asDecimal(type)
  if (
    decimal !== undefined &&
    decimal.precision >= 1 &&
    decimal.precision <= 38 &&
    decimal.scale <= decimal.precision
  ) {
    return `decimal(${decimal.precision}, ${decimal.scale})`
  }
  if (writable.has(type)) return type
  throw new Failure(
    'TABLE_INCOMPATIBLE',
    `No column can be created as "${type}": one of ${[...writable].join(', ')}, decimal(p,s) is expected.`,
  )
}

const integers = new Set(['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'HUGEINT'])
for (const name of [...integers]) integers.add(`U${name}`)

/**
 * Whether a DuckDB column of type `from` can be stored as `to` so that each value is kept exactly or the statement
 * fails. Integers may narrow (DuckDB fails on overflow); decimals may only grow in scale; text is only ever text.
 */
export function fitsExactly(from: string, to: TypeText): boolean {
  const name = duckdbType(to)
  if (from === name || from === '"NULL"') return true
  const source = asDecimal(from)
  const target = asDecimal(to)
  if (target !== undefined) return source === undefined ? integers.has(from) : source.scale <= target.scale
  if (to === 'int' || to === 'long') return integers.has(from) || source?.scale === 0
  if (to === 'double') return from === 'FLOAT'
  if (to === 'string') return from.startsWith('ENUM') || from === 'UUID'
  return false
}
