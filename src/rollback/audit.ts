/** The validator's look at a staged rollback, with its own statements: it takes nobody's word for what a branch holds. */
import { z } from 'zod'
import type { Delivery } from '../../contracts/data/delivery.ts'
import { Failure } from '../../contracts/failures.ts'
import type { ToolOutput } from '../../contracts/tools/index.ts'
import { quoteIdentifier, quoteLiteral, tableText } from '../lakehouse/identifiers.ts'
import type { AgentTools } from '../tools/host.ts'

export interface StagedRollback
  extends Pick<
    ToolOutput<'lakehouse.stage_rollback'>,
    'table' | 'branch' | 'snapshotId' | 'baseSnapshotId' | 'counts'
  > {
  readonly delivery: Delivery
  readonly writeKey: string
  /** What is one row, beside the vendor. */
  readonly key: readonly string[]
}

/** One row: rows of the delivery that are left; rows of others that are gone; keys that are there twice; rows before and after. */
export function auditSql({ table, snapshotId, baseSnapshotId, delivery, key }: StagedRollback): string {
  const of = `_vendor_name = ${quoteLiteral(delivery.feed.vendor)}`
  const own = `_delivery_id = ${quoteLiteral(delivery.id)}`
  const before = `${tableText(table)} AS core AT (VERSION => ${baseSnapshotId})`
  const after = `${tableText(table)} AS core AT (VERSION => ${snapshotId})`
  return `SELECT
  (SELECT count(*) FROM ${after} WHERE ${own}) AS left_over,
  (SELECT count(*) FROM (SELECT * FROM ${before} WHERE NOT (${own}) EXCEPT ALL SELECT * FROM ${after})) AS lost,
  (SELECT count(*) FROM (SELECT 1 FROM ${after} WHERE ${of} GROUP BY ${key.map(quoteIdentifier).join(', ')} HAVING count(*) > 1)) AS doubled,
  (SELECT count(*) FROM ${before}) AS rows_before,
  (SELECT count(*) FROM ${after}) AS rows_after`
}

/** @throws Failure RECONCILIATION_FAILED, and then the branch is gone. */
export async function auditRollback(tools: AgentTools, staged: StagedRollback): Promise<void> {
  const { table, branch, counts, delivery, writeKey } = staged
  // What was published before a crash was found to be right then.
  const { snapshotId } = await tools.call('lakehouse.find_write', { table, writeKey })
  if (snapshotId !== null) return
  const { rows } = await tools.call('lakehouse.query', { sql: auditSql(staged) })
  const [left = 0, lost = 0, doubled = 0, before = 0, after = 0] = z.array(z.coerce.number().int()).parse(rows[0])
  const expected = before - counts.removed + counts.restored
  if (left === 0 && lost === 0 && doubled === 0 && after === expected) return
  await tools.call('lakehouse.discard_branch', { table, branch })
  throw new Failure(
    'RECONCILIATION_FAILED',
    `Without ${delivery.file} the table would have ${after} rows where ${expected} are expected, ${left} of the delivery's own, ${lost} of others lost and ${doubled} keys twice: nothing was changed.`,
  )
}
