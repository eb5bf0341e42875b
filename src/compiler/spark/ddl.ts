/** Tables of the compiler as Spark's DDL: what the lakehouse itself makes, for whoever makes them elsewhere. */
import { comment } from '../header.ts'
import type { TableDefinition } from '../tables.ts'
import { sparkIdentifier, sparkLiteral } from './names.ts'
import { sparkType } from './types.ts'

const transforms: Readonly<Record<string, string>> = { day: 'days', month: 'months', year: 'years' }

/** `namespace.table` in a catalog of Spark, quoted. */
export const sparkTable = (catalog: string, { namespace, name }: TableDefinition['table']): string =>
  [catalog, namespace, name].map(sparkIdentifier).join('.')

export function renderSparkTable(catalog: string, { table, doc, columns, partition }: TableDefinition): string {
  const definitions = columns.map(
    column =>
      `  ${sparkIdentifier(column.name)} ${sparkType(column.type)}${column.required ? ' NOT NULL' : ''}${column.doc === undefined ? '' : ` COMMENT ${sparkLiteral(column.doc)}`}`,
  )
  const fields = partition.map(({ column, transform }) =>
    transform === 'identity'
      ? sparkIdentifier(column)
      : `${transforms[transform] ?? transform}(${sparkIdentifier(column)})`,
  )
  return `${comment(doc)}
CREATE TABLE IF NOT EXISTS ${sparkTable(catalog, table)} (
${definitions.join(',\n')}
)
USING iceberg${fields.length === 0 ? '' : `\nPARTITIONED BY (${fields.join(', ')})`}
COMMENT ${sparkLiteral(doc)}
TBLPROPERTIES ('format-version' = '2')`
}
