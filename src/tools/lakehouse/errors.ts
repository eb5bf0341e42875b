import type { DuckDBConnection } from '@duckdb/node-api'
import { Failure } from '../../../contracts/failures.ts'
import { errorTable } from '../../compiler/tables.ts'
import { type Lakehouse, quoteLiteral } from '../../lakehouse/lakehouse.ts'
import { errorsKey } from './names.ts'
import { withScratchFile } from './scratch.ts'
import { contractVersionOf, type Summary } from './summary.ts'

export interface ErrorRows {
  /** Makes what `select` reads from, on the connection that runs it. */
  readonly prepare?: (connection: DuckDBConnection) => Promise<void>
  /** SQL of rows of the error table. */
  readonly select: string
  /** The write these errors belong to. */
  readonly writeKey: string
  readonly facts: Summary
  /** Which rows an earlier attempt at the same write may have left: they give way where it went by another contract. */
  readonly earlier?: { readonly deliveryId: string; readonly stage: 'bronze' | 'core' }
}

/**
 * Commits the errors of a write to `product_raw.ingest_errors`, if there are any, and answers how many records they are about. The
 * rows are made once and kept aside until their number is known: a write without errors leaves no snapshot there.
 */
export function commitErrors(lakehouse: Lakehouse, errors: ErrorRows): Promise<number> {
  return withScratchFile(lakehouse, 'parquet', async file => {
    const rows = `SELECT * FROM read_parquet(${quoteLiteral(file)})`
    const records = await lakehouse.withConnection(async connection => {
      await errors.prepare?.(connection)
      await connection.run(`COPY (\n${errors.select}\n) TO ${quoteLiteral(file)} (FORMAT parquet)`)
      return countOf(connection, `SELECT count(DISTINCT record_number) FROM (${rows})`)
    })
    const before = await earlierErrors(lakehouse, errors.writeKey)
    if (before === undefined) {
      const write = { select: rows, writeKey: errorsKey(errors.writeKey), summary: errors.facts }
      if (records > 0) await lakehouse.append(errorTable.table, write)
    } else if (contractVersionOf(before.summary) !== contractVersionOf(errors.facts)) {
      await replaceErrors(lakehouse, errors, rows)
    }
    return records
  })
}

/** The errors that an earlier attempt at a write has committed. */
export const earlierErrors = (lakehouse: Lakehouse, writeKey: string) =>
  lakehouse.findWrite(errorTable.table, errorsKey(writeKey))

/**
 * An attempt died between its errors and its table, and the contract was mended before the next: its errors are about records
 * that may fit now. They leave in the commit that brings the new ones.
 */
async function replaceErrors(
  lakehouse: Lakehouse,
  { writeKey, facts, earlier }: ErrorRows,
  rows: string,
): Promise<void> {
  if (earlier === undefined) return
  const { deliveryId, stage } = earlier
  const write = {
    branch: `errors_${deliveryId}`,
    writeKey: `${errorsKey(writeKey)} by contract v${contractVersionOf(facts)}`,
  }
  const alsoDelete = { delivery_id: [deliveryId], stage: [stage] }
  await lakehouse.stage(errorTable.table, { ...write, rows, keyColumns: [], alsoDelete, summary: facts })
  const { outcome } = await lakehouse.publish(errorTable.table, write)
  if (outcome === 'stage-again') {
    throw new Failure('TABLE_CONFLICT', 'The error table was rewritten while errors were being replaced.')
  }
}

/** Records of a delivery that stand in the error table for not having reached the raw table. */
export async function rejectedRecords(
  lakehouse: Lakehouse,
  { deliveryId }: { readonly deliveryId: string },
): Promise<number> {
  const rows = await lakehouse.relation(errorTable.table)
  const own = `delivery_id = ${quoteLiteral(deliveryId)} AND stage = 'bronze'`
  return lakehouse.withConnection(connection =>
    countOf(connection, `SELECT count(DISTINCT record_number) FROM ${rows} AS rows WHERE ${own}`),
  )
}

/** The one number a statement answers. */
export async function countOf(connection: DuckDBConnection, sql: string): Promise<number> {
  const answer = await connection.runAndReadAll(sql)
  return Number(answer.getRows()[0]?.[0])
}
