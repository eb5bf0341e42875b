/** The SQL the validator counts with. It reads only what is committed, and works the rules out again for itself. Pure. */
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { TableRef } from '../../contracts/data/load-plan.ts'
import {
  type CoreDocuments,
  type CoreFacts,
  compileChecks,
  compileContractChecks,
  compileCore,
} from '../../src/compiler/core-plan.ts'
import { bronzeTable, errorTable } from '../../src/compiler/tables.ts'
import { quoteIdentifier, quoteLiteral, tableText } from '../../src/lakehouse/identifiers.ts'

export interface Counted {
  readonly documents: CoreDocuments
  readonly facts: CoreFacts
  readonly core: TableRef
  readonly laterDeliveries: readonly string[]
}

/** One row: rows of the delivery in bronze, distinct records in error at stage bronze, and at stage core of this run. */
export function placesSql({ documents: { contract }, facts }: Counted): string {
  const errors = (stage: string, more: string) =>
    `(SELECT count(DISTINCT record_number) FROM ${tableText(errorTable.table)} WHERE delivery_id = ${quoteLiteral(facts.deliveryId)} AND stage = ${quoteLiteral(stage)}${more})`
  return `SELECT (SELECT count(*) FROM (${bronzeRows(contract, facts)})) AS bronze, ${errors('bronze', '')} AS bronze_errors, ${errors('core', ` AND run_id = ${quoteLiteral(facts.runId)}`)} AS core_errors`
}

/** One row, to be read with the core table at its branch: rows of the delivery that are staged. */
export const stagedCountSql = ({ core, facts }: Counted): string =>
  `SELECT count(*) AS staged FROM (${stagedRows(core, facts)})`

/**
 * One row, to be read with the core table at its branch. What mapping and rules make of the bronze rows, worked out again: rejected,
 * superseded, and superseded by later deliveries; and staged rows that are none of that, and that have a key another has.
 */
export function expectedSql(counted: Counted): string {
  const { documents, facts, core, laterDeliveries } = counted
  const { mapped, counts, accepted } = compileCore(documents, facts)
  const key = documents.standard.key.map(quoteIdentifier)
  // A later delivery that is everything the vendor has leaves no row to an earlier one.
  const same =
    documents.contract.deliveryMode === 'full'
      ? 'true'
      : key.map(name => `held.${name} IS NOT DISTINCT FROM fresh.${name}`).join(' AND ')
  const later =
    laterDeliveries.length === 0
      ? 'CAST(0 AS BIGINT)'
      : `(SELECT count(*) FROM (${accepted}
) AS fresh WHERE EXISTS (SELECT 1 FROM ${tableText(core)} AS held WHERE held._vendor_name = fresh._vendor_name AND held._delivery_id IN (${laterDeliveries.map(quoteLiteral).join(', ')}) AND ${same}))`
  const columns = documents.standard.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  return `WITH bronze AS (${bronzeRows(documents.contract, facts)}),
mapped AS (${mapped}
),
counts AS (${counts}
),
staged AS (${stagedRows(core, facts)})
SELECT rejected, bronze - rejected - accepted AS superseded, ${later} AS superseded_later,
  (SELECT count(*) FROM (SELECT ${columns} FROM staged EXCEPT SELECT ${columns} FROM mapped)) AS altered,
  (SELECT count(*) FROM staged) - (SELECT count(*) FROM (SELECT DISTINCT ${key.join(', ')} FROM staged)) AS repeated
FROM counts`
}

/** One row per check: id, broken, rows; over the staged rows, and over bronze for the contract's own. */
export const checksSql = ({ documents, core, facts }: Counted): string =>
  `WITH staged AS (${stagedRows(core, facts)})\n${compileChecks(documents)}`

export function contractChecksSql({ documents: { contract }, facts }: Counted): string | undefined {
  const checks = compileContractChecks(contract)
  return checks === undefined ? undefined : `WITH bronze AS (${bronzeRows(contract, facts)})\n${checks}`
}

const bronzeRows = (contract: FeedContract, facts: CoreFacts): string =>
  `SELECT *, row_number() OVER () AS _record_number FROM ${tableText(bronzeTable(contract).table)} WHERE _delivery_id = ${quoteLiteral(facts.deliveryId)}`

const stagedRows = (core: TableRef, facts: CoreFacts): string =>
  `SELECT * FROM ${tableText(core)} WHERE _delivery_id = ${quoteLiteral(facts.deliveryId)}`
