/** Columns as callers name them, and as a schema with field ids. An id, once given, belongs to its column for ever. */
import { Failure } from '../../../contracts/failures.ts'
import { currentSchema, type TableMetadata, type TableSchema } from './metadata.ts'
import { asDecimal, canonicalType, type TypeText } from './types.ts'

/** A column to create. `type` is an Iceberg primitive: string, int, long, double, boolean, date, timestamp, timestamptz, decimal(p,s). */
export interface Column {
  readonly name: string
  readonly type: TypeText
  readonly required: boolean
  readonly doc?: string | undefined
}

/** The first schema of a table: field ids from 1 in the order given. */
export function newSchema(columns: readonly Column[]): TableSchema {
  refuseDoubleNames(columns.map(column => column.name))
  return { type: 'struct', 'schema-id': 0, fields: columns.map((column, index) => asField(column, index + 1)) }
}

/**
 * The metadata with the columns it lacks appended and those it has too narrow widened, or itself when nothing is to be done.
 * Throws TABLE_INCOMPATIBLE.
 */
export function withColumns(metadata: TableMetadata, columns: readonly Column[]): TableMetadata {
  const schema = currentSchema(metadata)
  const { missing, wider } = difference(schema, columns)
  if (missing.length === 0 && wider.size === 0) return metadata
  const required = missing.find(column => column.required)
  if (required !== undefined) {
    throw new Failure(
      'TABLE_INCOMPATIBLE',
      `Column "${required.name}" cannot be added as required: older rows have no value for it.`,
    )
  }
  refuseDoubleNames([...schema.fields, ...missing].map(item => item.name))
  const lastId = metadata['last-column-id']
  const added = missing.map((column, index) => asField(column, lastId + 1 + index))
  const kept = schema.fields.map(field => ({ ...field, type: wider.get(field.id) ?? field.type }))
  return withFields({ ...metadata, 'last-column-id': lastId + added.length }, [...kept, ...added])
}

/** What may be changed about columns that are there; each keeps its field id, so files that were written before read on. */
export interface Evolution {
  /** New names by old ones. */
  readonly rename?: Readonly<Record<string, string>> | undefined
  /** Columns that may lack a value from now on. */
  readonly optional?: readonly string[] | undefined
}

/** The metadata evolved, or itself where all of it was done before. Throws TABLE_INCOMPATIBLE. */
export function evolved(metadata: TableMetadata, { rename = {}, optional = [] }: Evolution): TableMetadata {
  const schema = currentSchema(metadata)
  const fields = new Map(schema.fields.map(field => [field.name, field]))
  const names = new Map<number, string>()
  for (const [from, to] of Object.entries(rename)) {
    const field = fields.get(from)
    if (field !== undefined) names.set(field.id, to)
    else if (!fields.has(to)) throw noColumn(from)
  }
  const named = schema.fields.map(field => ({ ...field, name: names.get(field.id) ?? field.name }))
  refuseDoubleNames(named.map(({ name }) => name))
  for (const name of optional) if (!named.some(field => field.name === name)) throw noColumn(name)
  const next = named.map(field => (optional.includes(field.name) ? { ...field, required: false } : field))
  const same = next.every((field, at) => {
    const was = schema.fields[at]
    return field.name === was?.name && field.required === was.required
  })
  return same ? metadata : withFields(metadata, next)
}

const noColumn = (name: string): Failure =>
  new Failure('TABLE_INCOMPATIBLE', `There is no column "${name}" to be changed.`)

function withFields(metadata: TableMetadata, fields: TableSchema['fields']): TableMetadata {
  const schemaId = 1 + Math.max(...metadata.schemas.map(item => item['schema-id']))
  return {
    ...metadata,
    'current-schema-id': schemaId,
    schemas: [...metadata.schemas, { ...currentSchema(metadata), 'schema-id': schemaId, fields }],
  }
}

/** Throws TABLE_INCOMPATIBLE where a column of that name has a type that neither is nor becomes the one asked for. */
export function refuseOtherTypes(schema: TableSchema, columns: readonly Column[]): void {
  difference(schema, columns)
}

/** The columns the schema lacks, and the wider types asked for by field id. A column that is wider already stays. */
function difference(schema: TableSchema, columns: readonly Column[]) {
  const missing: Column[] = []
  const wider = new Map<number, TypeText>()
  for (const column of columns) {
    const field = schema.fields.find(item => item.name === column.name)
    const type = canonicalType(column.type)
    if (field === undefined) {
      missing.push(column)
      continue
    }
    const existing = typeof field.type === 'string' ? field.type : JSON.stringify(field.type)
    if (unspaced(existing) === unspaced(type) || widens(type, existing)) continue
    if (!widens(existing, type)) {
      throw new Failure(
        'TABLE_INCOMPATIBLE',
        `Column "${column.name}" is ${unspaced(existing)} in the table and cannot become ${unspaced(type)}.`,
      )
    }
    wider.set(field.id, type)
  }
  return { missing, wider }
}

const unspaced = (type: TypeText): string => type.replace(/\s/g, '')

/** Whether every value of one type is a value of the other, as the Iceberg specification's schema evolution allows. */
function widens(from: string, to: string): boolean {
  if ((from === 'int' && to === 'long') || (from === 'float' && to === 'double')) return true
  const [narrow, wide] = [asDecimal(from), asDecimal(to)]
  return narrow !== undefined && wide?.scale === narrow.scale && wide.precision > narrow.precision
}

function asField(column: Column, id: number): TableSchema['fields'][number] {
  const field = { id, name: column.name, required: column.required, type: canonicalType(column.type) }
  return column.doc === undefined ? field : { ...field, doc: column.doc }
}

/** DuckDB, Spark and most readers do not tell `a` from `A`. */
function refuseDoubleNames(names: readonly string[]): void {
  const seen = new Set<string>()
  for (const name of names) {
    const folded = name.toLowerCase()
    if (name === '' || seen.has(folded)) {
      throw new Failure(
        'TABLE_INCOMPATIBLE',
        name === '' ? 'A column has no name.' : `Two columns are called "${name}".`,
      )
    }
    seen.add(folded)
  }
}
