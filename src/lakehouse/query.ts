/**
 * One reading statement over the lakehouse, for people and for agents, whose SQL is data from outside.
 *
 * Two fences, either enough alone: DuckDB's own parser turns the text into a tree, which must be one statement that only
 * reads, from tables of the lakehouse and functions on a short list; and it runs on an engine of its own that can open
 * nothing beyond the warehouse and whose settings are locked.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { Failure } from '../../contracts/failures.ts'
import type { Tables } from './commit.ts'
import type { Engine } from './engine/duckdb.ts'
import { type Json, renderValue } from './engine/render.ts'
import { currentSchema } from './iceberg/metadata.ts'
import { headOf, mainBranch } from './iceberg/snapshots.ts'
import { quoteIdentifier, quoteLiteral, type TableName, tableText } from './identifiers.ts'
import { type ManifestReader, rowsSql } from './scan.ts'
import { branchMissing } from './write.ts'

export interface QueryResult {
  /** Types as DuckDB names them. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly Json[])[]
  /** True when there were more rows than `limit`. */
  readonly truncated: boolean
}

/** Table functions that touch nothing outside of the statement. */
const tableFunctions = new Set(['range', 'generate_series', 'unnest', 'repeat', 'repeat_row'])

/** `SHOW TABLES` would name tables without their namespace, so it is answered by this. */
const showTables = `SELECT table_schema AS namespace, table_name AS name FROM information_schema.tables ORDER BY ALL`

const defaultLimit = 10_000

export interface QueryOptions {
  /** Most rows to answer with; 10,000 unless given. */
  readonly limit?: number | undefined
  /** Tables that have this branch are read there, all others at `main`. */
  readonly branch?: string | undefined
  /** Tables, as `namespace.name`, that are read at a branch of their own; one that is missing is BRANCH_MISSING. */
  readonly branches?: Readonly<Record<string, string>> | undefined
}

interface Parts {
  readonly tables: Tables
  readonly engine: Engine
  readonly reader: ManifestReader
  readonly list: () => Promise<readonly TableName[]>
}

export async function query(parts: Parts, sql: string, options: QueryOptions = {}): Promise<QueryResult> {
  const text = /^\s*show\s+tables\s*;?\s*$/i.test(sql) ? showTables : sql
  const names = await parts.engine.withConnection(connection => readNames(connection, text))
  const tables = await parts.list()
  const wanted = tables.filter(table => names.everything || names.tables.some(name => refersTo(name, table)))
  return parts.engine.withReader(
    async connection => {
      const namespaces = [...new Set(tables.map(table => table.namespace))]
      for (const namespace of namespaces)
        await connection.run(`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(namespace)}`)
      if (namespaces.length > 0) {
        await connection.run(
          `SET search_path = ${quoteLiteral(['main', ...namespaces].map(quoteIdentifier).join(','))}`,
        )
      }
      for (const table of wanted) await createView(connection, parts, table, options, names.everything)
    },
    connection => run(connection, text, options.limit ?? defaultLimit),
  )
}

/** The tables a statement names. */
interface Names {
  readonly tables: readonly { readonly schema: string; readonly name: string }[]
  /** True when it looks at the list of tables itself, so that all have to be there. */
  readonly everything: boolean
}

/** Refuses everything but one reading statement, and says which tables it names. */
async function readNames(connection: DuckDBConnection, sql: string): Promise<Names> {
  const answer = await connection.runAndReadAll(`SELECT json_serialize_sql(${quoteLiteral(sql)})`)
  const tree = JSON.parse(String(answer.getRows()[0]?.[0])) as Record<string, unknown>
  if (tree.error === true) {
    if (tree.error_type === 'not implemented')
      throw refused('Only SELECT, WITH, VALUES, SHOW, DESCRIBE and SUMMARIZE are run.')
    throw new Failure('QUERY_FAILED', `The statement cannot be parsed: ${tree.error_message}`)
  }
  const statements = tree.statements as unknown[]
  if (statements.length !== 1) throw refused(`${statements.length} statements were given where one is run.`)
  const tables: { schema: string; name: string }[] = []
  let everything = false
  for (const node of nodesOf(statements)) {
    if (node.type === 'TABLE_FUNCTION') refuseFunction(node.function as Record<string, unknown>)
    if (node.type === 'SHOW_REF' && node.query === null) everything = true
    if (node.type !== 'BASE_TABLE') continue
    const name = String(node.table_name)
    if (/[./\\*:?[\]]/.test(name)) throw refused(`"${name}" looks like a file: only tables are read.`)
    const schema = String(node.schema_name)
    if (['information_schema', 'pg_catalog'].includes(schema.toLowerCase()) || /^(duckdb|sqlite|pg)_/i.test(name))
      everything = true
    tables.push({ schema, name })
  }
  return { tables, everything }
}

function* nodesOf(tree: unknown): Generator<Record<string, unknown>> {
  if (typeof tree !== 'object' || tree === null) return
  if (!Array.isArray(tree)) yield tree as Record<string, unknown>
  for (const child of Object.values(tree)) yield* nodesOf(child)
}

function refuseFunction(call: Record<string, unknown>): void {
  const name = String(call.function_name).toLowerCase()
  if (!tableFunctions.has(name))
    throw refused(`The table function ${name} is not allowed: ${[...tableFunctions].join(', ')}.`)
}

function refused(reason: string): Failure {
  return new Failure('QUERY_REFUSED', reason)
}

function refersTo(name: { schema: string; name: string }, table: TableName): boolean {
  const same = (left: string, right: string) => left.toLowerCase() === right.toLowerCase()
  return same(name.name, table.name) && (name.schema === '' || same(name.schema, table.namespace))
}

/** A view of the table. One that cannot be read fails the statement only if the statement names it. */
async function createView(
  connection: DuckDBConnection,
  parts: Parts,
  table: TableName,
  options: QueryOptions,
  lenient: boolean,
): Promise<void> {
  try {
    const { metadata } = await parts.tables.load(table)
    const own = options.branches?.[tableText(table)]
    if (own !== undefined && headOf(metadata, own) === undefined) throw branchMissing(own)
    const head = headOf(metadata, own ?? options.branch ?? mainBranch) ?? headOf(metadata, mainBranch)
    const rows = rowsSql(currentSchema(metadata), await parts.reader.files(head))
    const name = `${quoteIdentifier(table.namespace)}.${quoteIdentifier(table.name)}`
    await connection.run(`CREATE VIEW ${name} AS SELECT * FROM ${rows}`)
  } catch (error) {
    if (!lenient) throw error
  }
}

async function run(connection: DuckDBConnection, sql: string, limit: number): Promise<QueryResult> {
  const result = await connection.streamAndReadUntil(sql, limit + 1)
  const types = result.columnTypes()
  const rows = result.getRows()
  return {
    columns: result.columnNames().map((name, index) => ({ name, type: String(types[index]) })),
    rows: rows.slice(0, limit).map(row => row.map(renderValue)),
    truncated: rows.length > limit,
  }
}
