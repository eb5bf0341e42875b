/** Contract + facts of one delivery → what ingestion will do: pure, and the same bytes for the same inputs. */
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { LoadPlan } from '../../contracts/data/load-plan.ts'
import type { Sizing } from '../../contracts/data/sizing.ts'
import { renderLoad } from './duckdb/load.ts'
import { renderSparkLoad } from './spark/load.ts'
import { bronzeTable, errorTable } from './tables.ts'

/** What a load has to know of its delivery. */
export interface DeliveryFacts {
  readonly deliveryId: string
  readonly runId: string
  readonly traceId: string
  readonly writeKey: string
  /** Path below landing. */
  readonly file: string
  /** `2026-12-31` */
  readonly ingestionDate: string
  /** ISO 8601, UTC: one time for all rows of the delivery. */
  readonly ingestedAt: string
}

export interface EngineChoice {
  readonly engine: LoadPlan['engine']
  readonly reason: string
  readonly estimatedRows: number | null
  /** What the engine was chosen with; undefined where nobody sized the load. */
  readonly sizing?: Sizing | undefined
}

/** The engine and everything else that a load is given. */
export const choiceOf = (sizing: Sizing): EngineChoice => ({
  engine: sizing.engine,
  reason: sizing.reason,
  estimatedRows: sizing.source.rows,
  sizing,
})

/** The texts of one load. All read the relation `source`. */
export interface LoadTexts {
  /** Rows that fit, typed, in the order of the table. */
  readonly accepted: string
  /** One row per record and reason, in the shape of `ingest_errors`. */
  readonly rejected: string
  /**
   * The rows of `accepted` in one pass, from a source that needs no more than the value columns; the first value that does not fit
   * ends the statement with an error, and the delivery is then loaded the careful way.
   */
  readonly acceptedFast: string
}

/**
 * The relation `source` has every column of the contract that is not retired as VARCHAR, null for no value, and for the careful
 * texts `_record_number`, `_line`, `_byte_offset` BIGINT, `_raw`, `_error_code`, `_error_message` VARCHAR: a row with an error code
 * is a record the reader could not take apart.
 */
export function compileLoad(contract: FeedContract, facts: DeliveryFacts): LoadTexts {
  return renderLoad(contract, bronzeTable(contract), facts)
}

/** Throws `DOCUMENT_INVALID` if two columns of the contract, or one and the table's own, share a name. */
export function compileLoadPlan(contract: FeedContract, facts: DeliveryFacts, choice: EngineChoice): LoadPlan {
  const bronze = bronzeTable(contract)
  const { accepted, rejected } =
    choice.engine === 'spark' ? renderSparkLoad(contract, bronze, facts) : renderLoad(contract, bronze, facts)
  return {
    deliveryId: facts.deliveryId,
    runId: facts.runId,
    traceId: facts.traceId,
    writeKey: facts.writeKey,
    contract: { vendor: contract.vendor, table: contract.table, version: contract.version },
    table: bronze.table,
    errors: errorTable.table,
    file: facts.file,
    ingestionDate: facts.ingestionDate,
    columns: bronze.columns.map(column => ({ ...column })),
    partition: (choice.sizing?.partition ?? bronze.partition).map(field => ({ ...field })),
    engine: choice.engine,
    engineReason: choice.reason,
    estimatedRows: choice.estimatedRows,
    ...(choice.sizing && { sizing: choice.sizing }),
    sql: { accepted, rejected },
  }
}
