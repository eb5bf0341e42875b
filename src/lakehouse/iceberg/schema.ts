/** Columns as callers name them, and as a schema with field ids. An id, once given, belongs to its column for ever. */
import { Failure } from '../../../contracts/failures.ts'
import { currentSchema, type TableMetadata, type TableSchema } from './metadata.ts'
import { canonicalType, type TypeText } from './types.ts'

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

/** The metadata with the columns it lacks appended, or itself when it has them all. Throws TABLE_INCOMPATIBLE. */
export function withColumns(metadata: TableMetadata, columns: readonly Column[]): TableMetadata {
  const schema = currentSchema(metadata)
  const missing = missingColumns(schema, columns)
  if (missing.length === 0) return metadata
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
  const schemaId = 1 + Math.max(...metadata.schemas.map(item => item['schema-id']))
  return {
    ...metadata,
    'last-column-id': lastId + added.length,
    'current-schema-id': schemaId,
    schemas: [...metadata.schemas, { ...schema, 'schema-id': schemaId, fields: [...schema.fields, ...added] }],
  }
}

/** The columns the schema lacks. Throws TABLE_INCOMPATIBLE where a column of that name has another type. */
export function missingColumns(schema: TableSchema, columns: readonly Column[]): Column[] {
  return columns.filter(column => {
    const field = schema.fields.find(item => item.name === column.name)
    if (field === undefined) return true
    const type = canonicalType(column.type)
    const existing = typeof field.type === 'string' ? field.type.replace(/\s/g, '') : JSON.stringify(field.type)
    if (existing === type.replace(/\s/g, '')) return false
    throw new Failure(
      'TABLE_INCOMPATIBLE',
      `Column "${column.name}" is ${existing} in the table and cannot become ${type}.`,
    )
  })
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
