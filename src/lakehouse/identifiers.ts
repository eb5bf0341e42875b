/**
 * The one place where a name or a value becomes SQL text or a piece of a path. Nothing else in this room concatenates
 * quotes, so nothing else can forget one.
 */
import { createHash } from 'node:crypto'
import { Failure } from '../../contracts/failures.ts'

/** A table's full name. `namespace` has one level; both parts are letters, digits and underscores. */
export interface TableName {
  readonly namespace: string
  readonly name: string
}

const plainName = /^[A-Za-z0-9_]{1,200}$/
const safePart = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A DuckDB list of string literals. */
export function quoteList(texts: readonly string[]): string {
  return `[${texts.map(quoteLiteral).join(', ')}]`
}

export function tableText(table: TableName): string {
  return `${table.namespace}.${table.name}`
}

/** Refuses a name that is not the same in SQL, in a path and in every engine. */
export function assertTableName(table: TableName): void {
  for (const part of [table.namespace, table.name]) {
    if (!plainName.test(part)) {
      throw new Failure('TABLE_INCOMPATIBLE', `"${part}" is no table or namespace name: letters, digits and _ only.`)
    }
  }
}

/** A value as a directory name, legible where it can be and unique where it cannot. Readers never parse it back. */
export function pathPart(value: string): string {
  if (safePart.test(value)) return value
  const digest = createHash('sha256').update(value).digest('hex').slice(0, 12)
  return `${value.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 60)}-${digest}`
}
