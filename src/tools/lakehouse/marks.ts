/**
 * Marks on deliveries: bronze rows never change, so what is said of them later stands beside them. The latest mark of a delivery
 * counts; a delivery without one counts as it was loaded.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Delivery } from '../../../contracts/data/delivery.ts'
import { Failure } from '../../../contracts/failures.ts'
import type { ToolInput, ToolOutput } from '../../../contracts/tools/index.ts'
import { marksTable } from '../../compiler/tables.ts'
import { type Lakehouse, quoteLiteral } from '../../lakehouse/lakehouse.ts'
import { ensureTable } from './create-table.ts'

export async function markDelivery(
  lakehouse: Lakehouse,
  { writeKey, delivery, run, mark, by, note, at }: ToolInput<'lakehouse.mark_delivery'>,
): Promise<ToolOutput<'lakehouse.mark_delivery'>> {
  await ensureTable(lakehouse, marksTable)
  const { vendor, table } = delivery.feed
  const values = [delivery.id, vendor, table, mark, run.id, run.traceId, delivery.file, by, note, at]
  const columns = marksTable.columns.map(({ name }) => name)
  const { alreadyDone } = await lakehouse.append(marksTable.table, {
    writeKey,
    prepare: async (connection: DuckDBConnection) => {
      await connection.run(`CREATE OR REPLACE TEMP TABLE marked (${columns.map(name => `${name} VARCHAR`).join(', ')})`)
      // Texts of people and vendors travel as parameters, never as SQL.
      await connection.run(
        `INSERT INTO marked VALUES (${columns.map((_, index) => `$${index + 1}`).join(', ')})`,
        values,
      )
    },
    select: `SELECT * REPLACE (CAST(marked_at AS TIMESTAMPTZ) AS marked_at) FROM marked`,
    summary: { 'aiworkflow.run-id': run.id, 'aiworkflow.delivery-id': delivery.id, 'aiworkflow.trace-id': run.traceId },
  })
  return { marked: !alreadyDone }
}

/** The deliveries of a vendor that do not count. */
export async function rolledBack(lakehouse: Lakehouse, vendor: string): Promise<ReadonlySet<string>> {
  if (!(await lakehouse.tableExists(marksTable.table))) return new Set()
  const marks = await lakehouse.relation(marksTable.table)
  const rows = await lakehouse.withConnection(async connection =>
    (
      await connection.runAndReadAll(
        `SELECT delivery_id FROM ${marks} AS marks WHERE vendor_name = ${quoteLiteral(vendor)}
        GROUP BY 1 HAVING arg_max(mark, marked_at) = 'rolled-back'`,
      )
    ).getRows(),
  )
  return new Set(rows.map(([id]) => String(id)))
}

/** @throws Failure DELIVERY_ROLLED_BACK: only a person brings back what a person took out. */
export async function refuseRolledBack(lakehouse: Lakehouse, { id, feed, file }: Delivery): Promise<void> {
  if (!(await rolledBack(lakehouse, feed.vendor)).has(id)) return
  throw new Failure('DELIVERY_ROLLED_BACK', `${file} was loaded before and taken back: its rows stay out of core.`)
}
