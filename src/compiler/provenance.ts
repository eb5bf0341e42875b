/** Where rows came from, as literals of an engine's SQL: what every raw row and every error says of its delivery. */
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { DeliveryFacts } from './load-plan.ts'
import { errorTable } from './tables.ts'

/** What engines spell each in their own way. */
export interface LiteralDialect {
  literal(text: string): string
  readonly textType: string
  readonly intType: string
  readonly instantType: string
}

/** `value AS name` for each of a raw table's own columns. */
export const rowProvenance = (contract: FeedContract, facts: DeliveryFacts, dialect: LiteralDialect): string[] => [
  `${dialect.literal(contract.vendor)} AS vendor_name`,
  `DATE ${dialect.literal(facts.ingestionDate)} AS ingestion_date`,
  `${dialect.literal(facts.deliveryId)} AS _delivery_id`,
  `${dialect.literal(facts.runId)} AS _run_id`,
  `${dialect.literal(facts.file)} AS _source_file`,
  `${dialect.instantType} ${dialect.literal(facts.ingestedAt)} AS _ingested_at`,
]

/** `value AS name` for each column of the error table, over `fault` and the record's own columns. */
export function errorColumns(contract: FeedContract, facts: DeliveryFacts, dialect: LiteralDialect): string[] {
  const { literal, textType, intType, instantType } = dialect
  const values: Readonly<Record<string, string>> = {
    delivery_id: literal(facts.deliveryId),
    run_id: literal(facts.runId),
    trace_id: literal(facts.traceId),
    vendor_name: literal(contract.vendor),
    table_name: literal(contract.table),
    stage: "'bronze'",
    rule_id: `CAST(NULL AS ${textType})`,
    source_file: literal(facts.file),
    source_line: '_line',
    byte_offset: '_byte_offset',
    column_name: 'fault.column_name',
    error_code: 'fault.error_code',
    error_message: 'fault.error_message',
    raw_record: '_raw',
    contract_version: `CAST(${contract.version} AS ${intType})`,
    owner: literal(contract.owner),
    ingestion_date: `DATE ${literal(facts.ingestionDate)}`,
    ingested_at: `${instantType} ${literal(facts.ingestedAt)}`,
    record_number: '_record_number',
  }
  return errorTable.columns.map(({ name }) => `${values[name]!} AS ${name}`)
}
