/**
 * One reading statement over the lakehouse, for people and for agents, whose SQL is data from outside.
 *
 * Two fences, either enough alone: DuckDB's own parser turns the text into a tree, which must be one statement that only
 * reads, from tables of the lakehouse and functions on a short list; and it runs on an engine of its own that can open
 * nothing beyond the warehouse and whose settings are locked.
 *
 * `namespace.table AT (VERSION => …)` and `AT (TIMESTAMP => …)` read a table as it was; `namespace.table.snapshots` lists what there
 * is to read. Both are replaced in the tree by views of that one snapshot.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { Failure } from '../../contracts/failures.ts'
import type { Tables } from './commit.ts'
import type { Engine } from './engine/duckdb.ts'
import { type Json, renderValue } from './engine/render.ts'
import { formatMetadataJson, parseMetadataJson } from './iceberg/json.ts'
import { currentSchema, type TableMetadata } from './iceberg/metadata.ts'
import { headOf, mainBranch } from './iceberg/snapshots.ts'
import { quoteIdentifier, quoteLiteral, type TableName, tableText } from './identifiers.ts'
import { type ManifestReader, rowsSql } from './scan.ts'
import type { Storage } from './storage/storage.ts'
import { type Moment, schemaOfSnapshot, snapshotAtMoment } from './time-travel.ts'
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
  readonly storage: Storage
  readonly list: () => Promise<readonly TableName[]>
}

export async function query(parts: Parts, sql: string, options: QueryOptions = {}): Promise<QueryResult> {
  const text = /^\s*show\s+tables\s*;?\s*$/i.test(sql) ? showTables : sql
  const read = await parts.engine.withConnection(connection => readStatement(connection, text))
  const tables = await parts.list()
  const isNamed = (table: TableName) => read.tables.some(name => refersTo(name, table))
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
      for (const table of tables.filter(isNamed)) await createView(connection, parts, table, options)
      // Others are only listed: their rows are nobody's to fetch, and one that cannot be read fails nothing.
      for (const table of read.everything ? tables.filter(item => !isNamed(item)) : [])
        await createListed(connection, parts, table)
      for (const view of read.views) await createMomentView(connection, parts, tables, view)
    },
    connection => run(connection, read.text, options.limit ?? defaultLimit),
  )
}

/** A statement that only reads: as it is to be run, and the tables it names. */
interface Statement {
  readonly text: string
  readonly tables: readonly Name[]
  /** True when it looks at the list of tables itself, so that all have to be there. */
  readonly everything: boolean
  readonly views: readonly MomentView[]
}

interface Name {
  readonly schema: string
  readonly name: string
}

/** A view that stands for a table at a moment, or for the list of its snapshots. */
interface MomentView {
  readonly of: Name
  readonly view: string
  /** Left out: the list of snapshots. */
  readonly moment?: { readonly unit: string; readonly expression: unknown }
}

/** Refuses everything but one reading statement, and says which tables it names. */
async function readStatement(connection: DuckDBConnection, sql: string): Promise<Statement> {
  const answer = await connection.runAndReadAll(`SELECT json_serialize_sql(${quoteLiteral(sql)})`)
  const tree = parseMetadataJson(String(answer.getRows()[0]?.[0])) as Record<string, unknown>
  if (tree.error === true) {
    if (tree.error_type === 'not implemented')
      throw refused('Only SELECT, WITH, VALUES, SHOW, DESCRIBE and SUMMARIZE are run.')
    const sparks = /\b(version|timestamp)\s+as\s+of\b/i.test(sql)
    throw new Failure(
      'QUERY_FAILED',
      `The statement cannot be parsed: ${tree.error_message}`,
      sparks
        ? { wayOut: `Write it behind the table as AT (VERSION => 123) or AT (TIMESTAMP => '2026-11-24 12:00').` }
        : {},
    )
  }
  const statements = tree.statements as unknown[]
  if (statements.length !== 1) throw refused(`${statements.length} statements were given where one is run.`)
  const tables: Name[] = []
  const views: MomentView[] = []
  let everything = false
  for (const node of [...nodesOf(statements)]) {
    if (node.type === 'TABLE_FUNCTION') refuseFunction(node.function as Record<string, unknown>)
    if (node.type === 'SHOW_REF' && node.query === null) everything = true
    if (node.type !== 'BASE_TABLE') continue
    const name = String(node.table_name)
    if (/[./\\*:?[\]]/.test(name)) throw refused(`"${name}" looks like a file: only tables are read.`)
    const view = asMoment(node, views.length)
    if (view !== undefined) {
      views.push(view)
      continue
    }
    const schema = String(node.schema_name)
    if (['information_schema', 'pg_catalog'].includes(schema.toLowerCase()) || /^(duckdb|sqlite|pg)_/i.test(name))
      everything = true
    tables.push({ schema, name })
  }
  if (views.length === 0) return { text: sql, tables, everything, views }
  const json = quoteLiteral(formatMetadataJson(tree))
  const rewritten = await connection.runAndReadAll(`SELECT json_deserialize_sql(${json}::JSON)`)
  return { text: String(rewritten.getRows()[0]?.[0]), tables, everything, views }
}

/** A table at a moment, or the list of its snapshots: the node then names the view that stands for it. */
function asMoment(node: Record<string, unknown>, number: number): MomentView | undefined {
  const view = `moment ${number}`
  const clause = node.at_clause as { unit: string; expr: unknown } | null | undefined
  const lists = node.catalog_name !== '' && String(node.table_name).toLowerCase() === 'snapshots'
  if (!clause && !lists) return undefined
  const [schema, name] = lists ? [node.catalog_name, node.schema_name] : [node.schema_name, node.table_name]
  if (node.alias === '') node.alias = node.table_name
  Object.assign(node, { catalog_name: '', schema_name: 'main', table_name: view, at_clause: null })
  const of = { schema: String(schema), name: String(name) }
  if (!clause) return { of, view }
  if (lists) throw refused('The list of snapshots is what it is now: it is read without AT.')
  return { of, view, moment: { unit: clause.unit, expression: clause.expr } }
}

async function createMomentView(
  connection: DuckDBConnection,
  parts: Parts,
  tables: readonly TableName[],
  { of, view, moment }: MomentView,
): Promise<void> {
  const table = tables.find(candidate => refersTo(of, candidate))
  if (table === undefined)
    throw new Failure('TABLE_MISSING', `There is no table ${of.schema === '' ? '' : `${of.schema}.`}${of.name}.`)
  const { metadata } = await parts.tables.load(table)
  await connection.run(
    `CREATE VIEW main.${quoteIdentifier(view)} AS SELECT * FROM ${
      moment === undefined
        ? snapshotsSql(metadata)
        : await momentSql(parts, table, metadata, await momentOf(connection, moment))
    }`,
  )
}

async function momentSql(parts: Parts, table: TableName, metadata: TableMetadata, moment: Moment): Promise<string> {
  const snapshot = snapshotAtMoment(table, metadata, moment)
  return rowsSql(parts.storage, schemaOfSnapshot(metadata, snapshot), await parts.reader.files(snapshot))
}

/** The value of the expression in AT (…), which names no column, as DuckDB works it out. */
async function momentOf(
  connection: DuckDBConnection,
  { unit, expression }: NonNullable<MomentView['moment']>,
): Promise<Moment> {
  const cast = unit.toUpperCase() === 'VERSION' ? 'VARCHAR' : 'TIMESTAMPTZ'
  const [row] = (await connection.runAndReadAll(`SELECT json_serialize_sql('SELECT 1')`)).getRows()
  const tree = parseMetadataJson(String(row?.[0])) as { statements: { node: { select_list: unknown[] } }[] }
  for (const { node } of tree.statements) node.select_list = [expression]
  const json = quoteLiteral(formatMetadataJson(tree))
  const [texts] = (await connection.runAndReadAll(`SELECT json_deserialize_sql(${json}::JSON)`)).getRows()
  const value = `CAST((${String(texts?.[0])}) AS ${cast})`
  const answer = await connection.runAndReadAll(`SELECT ${cast === 'VARCHAR' ? value : `epoch_ms(${value})`}`)
  const found = answer.getRows()[0]?.[0]
  if (found == null) throw new Failure('QUERY_FAILED', `AT (${unit} => …) has no value.`)
  return cast === 'VARCHAR' ? { kind: 'version', version: String(found) } : { kind: 'time', timeMs: Number(found) }
}

function snapshotsSql(metadata: TableMetadata): string {
  const columns = 'snapshot_id, parent_id, committed_at, operation, is_current, summary'
  const current = headOf(metadata, mainBranch)?.['snapshot-id']
  const rows = metadata.snapshots.map(item => {
    const { operation = 'append', ...summary } = item.summary
    const values = [
      `${item['snapshot-id']}::BIGINT`,
      `${item['parent-snapshot-id'] ?? 'NULL'}::BIGINT`,
      `make_timestamptz(${item['timestamp-ms']}::BIGINT * 1000)`,
      quoteLiteral(operation),
      String(item['snapshot-id'] === current),
      `${quoteLiteral(JSON.stringify(summary))}::JSON`,
    ]
    return `(${values.join(', ')})`
  })
  const none = `(SELECT 0::BIGINT, 0::BIGINT, now(), '', false, '{}'::JSON WHERE false)`
  return `${rows.length === 0 ? none : `(VALUES ${rows.join(', ')})`} AS listed(${columns})`
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

function refersTo(name: Name, table: TableName): boolean {
  const same = (left: string, right: string) => left.toLowerCase() === right.toLowerCase()
  return same(name.name, table.name) && (name.schema === '' || same(name.schema, table.namespace))
}

/** A view of the table. */
async function createView(
  connection: DuckDBConnection,
  parts: Parts,
  table: TableName,
  options: QueryOptions,
): Promise<void> {
  const { metadata } = await parts.tables.load(table)
  const own = options.branches?.[tableText(table)]
  if (own !== undefined && headOf(metadata, own) === undefined) throw branchMissing(own)
  const head = headOf(metadata, own ?? options.branch ?? mainBranch) ?? headOf(metadata, mainBranch)
  const rows = await rowsSql(parts.storage, currentSchema(metadata), await parts.reader.files(head))
  await connection.run(`CREATE VIEW ${viewName(table)} AS SELECT * FROM ${rows}`)
}

/** A view of the table's columns, with no rows. */
async function createListed(connection: DuckDBConnection, parts: Parts, table: TableName): Promise<void> {
  const found = await parts.tables.find(table).catch(() => undefined)
  if (found === undefined) return
  const rows = await rowsSql(parts.storage, currentSchema(found.metadata), { data: [], deletes: [] })
  await connection.run(`CREATE VIEW ${viewName(table)} AS SELECT * FROM ${rows}`)
}

const viewName = ({ namespace, name }: TableName) => `${quoteIdentifier(namespace)}.${quoteIdentifier(name)}`

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
