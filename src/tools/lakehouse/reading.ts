/** The lakehouse tools that read: one statement over the tables, and what the history of a table knows. */
import type { TableRef } from '../../../contracts/data/load-plan.ts'
import { asFailure } from '../../../contracts/failures.ts'
import type { ToolInput, ToolOutput } from '../../../contracts/tools/index.ts'
import type { Json, Lakehouse } from '../../lakehouse/lakehouse.ts'
import { countOf } from './errors.ts'

type Cell = string | number | boolean | null

export async function queryTables(
  lakehouse: Lakehouse,
  { sql, limit, branches }: ToolInput<'lakehouse.query'>,
): Promise<ToolOutput<'lakehouse.query'>> {
  const { columns, rows } = await lakehouse.query(sql, { limit, branches })
  return { columns: columns.map(({ name, type }) => ({ name, type })), rows: rows.map(row => row.map(cellOf)) }
}

/** Nested values as JSON text. */
const cellOf = (value: Json): Cell => (typeof value === 'object' && value !== null ? JSON.stringify(value) : value)

/** A table or branch that does not exist holds no write: whoever asks wants to know whether to write. */
export async function findWrite(
  lakehouse: Lakehouse,
  { table, writeKey, branch }: ToolInput<'lakehouse.find_write'>,
): Promise<ToolOutput<'lakehouse.find_write'>> {
  const found = await lakehouse.findWrite(table, writeKey, branch).catch(error => {
    if (['TABLE_MISSING', 'BRANCH_MISSING'].includes(asFailure(error).code)) return undefined
    throw error
  })
  return { snapshotId: found?.snapshotId ?? null, summary: { ...found?.summary } }
}

export async function tableHistory(
  lakehouse: Lakehouse,
  { table, limit, ifMissing }: ToolInput<'lakehouse.table_history'>,
): Promise<ToolOutput<'lakehouse.table_history'>> {
  if (ifMissing === 'empty' && !(await lakehouse.tableExists(table))) return { records: 0, snapshots: [] }
  const snapshots = await lakehouse.history(table)
  const records = recordsOf(snapshots[0]?.summary) ?? (await countedRecords(lakehouse, table))
  return {
    records,
    snapshots: snapshots.slice(0, limit).map(({ snapshotId, timestampMs, operation, summary }) => ({
      snapshotId,
      at: new Date(timestampMs).toISOString(),
      operation,
      summary: { ...summary },
    })),
  }
}

/** What the newest snapshot says that there is, where no deletes stand against it; undefined where only counting tells. */
function recordsOf(summary: Readonly<Record<string, string>> | undefined): number | undefined {
  const total = summary?.['total-records']
  const exact = summary?.['total-delete-files'] === '0' && total !== undefined && /^\d+$/.test(total)
  return exact ? Number(total) : undefined
}

async function countedRecords(lakehouse: Lakehouse, table: TableRef): Promise<number> {
  const rows = await lakehouse.relation(table)
  return lakehouse.withConnection(connection => countOf(connection, `SELECT count(*) FROM ${rows}`))
}
