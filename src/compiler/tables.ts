/** The tables the compiler writes for, column by column, in the order of the file and of the table. */
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { TableRef } from '../../contracts/data/load-plan.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { Failure } from '../../contracts/failures.ts'

export interface ColumnDefinition {
  readonly name: string
  readonly type: string
  readonly required: boolean
  readonly doc?: string
}

export interface TableDefinition {
  readonly table: TableRef
  readonly doc: string
  readonly columns: readonly ColumnDefinition[]
  readonly partition: readonly { readonly column: string; readonly transform: string }[]
}

const column = (name: string, type: string, required: boolean, doc: string): ColumnDefinition => ({
  name,
  type,
  required,
  doc,
})

/** `product_raw.ingest_errors`: every record that is not in the table it was meant for, and why. */
export const errorTable: TableDefinition = {
  table: { namespace: 'product_raw', name: 'ingest_errors' },
  doc: 'Records that did not reach a table, one row per record and reason.',
  columns: [
    column('delivery_id', 'string', true, 'Delivery the record came in.'),
    column('run_id', 'string', true, 'Run that turned it away.'),
    column('trace_id', 'string', true, 'Trace of that run.'),
    column('vendor_name', 'string', true, 'Vendor of the feed.'),
    column('table_name', 'string', true, 'Table of the feed.'),
    column('stage', 'string', true, 'bronze: it does not fit its contract; core: it breaks mapping or rules.'),
    column('rule_id', 'string', false, 'Rule it breaks, where a rule decided.'),
    column('source_file', 'string', true, 'File below landing.'),
    column('source_line', 'long', false, 'Physical line the record starts on, from 1; null where it cannot be known.'),
    column('byte_offset', 'long', false, 'Byte the record starts at, from 0; null where it cannot be known.'),
    column('column_name', 'string', false, 'Column that does not fit; null where the whole record does not.'),
    column('error_code', 'string', true, 'What is wrong, for machines.'),
    column('error_message', 'string', true, 'What is wrong, for people.'),
    column('raw_record', 'string', false, 'The record as it stood; at stage core the bronze row as JSON.'),
    column('contract_version', 'int', true, 'Version of the feed contract it was read by.'),
    column('owner', 'string', true, 'Who is to act.'),
    column('ingestion_date', 'date', true, 'Day the delivery was ingested.'),
    column('ingested_at', 'timestamptz', true, 'Time the delivery was ingested.'),
    column('record_number', 'long', true, 'The record in its delivery, from 1: counting distinct ones counts records.'),
  ],
  partition: [
    { column: 'ingestion_date', transform: 'identity' },
    { column: 'vendor_name', transform: 'identity' },
  ],
}

/** What every bronze row says of where it came from. */
export const bronzeMetadata: readonly ColumnDefinition[] = [
  column('vendor_name', 'string', true, 'Vendor of the feed.'),
  column('ingestion_date', 'date', true, 'Day the delivery was ingested.'),
  column('_delivery_id', 'string', true, 'Delivery the row came in.'),
  column('_run_id', 'string', true, 'Run that wrote it.'),
  column('_source_file', 'string', true, 'File below landing.'),
  column('_ingested_at', 'timestamptz', true, 'Time the delivery was ingested.'),
]

/** What every bronze table is divided by, however small it is. */
export const bronzePartition: TableDefinition['partition'] = [
  { column: 'ingestion_date', transform: 'identity' },
  { column: 'vendor_name', transform: 'identity' },
]

/** `product_raw.delivery_marks`: what is said of deliveries after they were loaded. The latest row of a delivery counts. */
export const marksTable: TableDefinition = {
  table: { namespace: 'product_raw', name: 'delivery_marks' },
  doc: 'Deliveries whose rows in bronze do not count, or count again, one row per change.',
  columns: [
    column('delivery_id', 'string', true, 'Delivery that is marked.'),
    column('vendor_name', 'string', true, 'Vendor of the feed.'),
    column('table_name', 'string', true, 'Table of the feed.'),
    column('mark', 'string', true, 'rolled-back: its rows are no longer in core; taken-again: they count once more.'),
    column('run_id', 'string', true, 'Run that marked it.'),
    column('trace_id', 'string', true, 'Trace of that run.'),
    column('source_file', 'string', true, 'File below landing.'),
    column('marked_by', 'string', true, 'Who decided it.'),
    column('note', 'string', false, 'Why.'),
    column('marked_at', 'timestamptz', true, 'When.'),
  ],
  partition: [],
}

/** Names the reader of a source and the bronze table use themselves: no column of a contract may have one. */
export const reservedColumns: readonly string[] = [
  ...bronzeMetadata.map(({ name }) => name),
  ...['_record_number', '_line', '_byte_offset', '_raw', '_error_code', '_error_message'],
]

/** The raw table of a feed. */
export const bronzeRef = (feed: Pick<FeedContract, 'vendor' | 'table'>): TableRef => ({
  namespace: 'product_raw',
  name: `${feed.vendor}_${feed.table}`,
})

/** `product_raw.<vendor>_<table>`: the contract's columns, retired ones included, then where each row came from. */
export function bronzeTable(contract: FeedContract): TableDefinition {
  const seen = new Set(reservedColumns)
  for (const { name } of contract.columns) {
    if (seen.has(name)) {
      throw new Failure(
        'DOCUMENT_INVALID',
        `Column ${name} of ${contract.vendor}/${contract.table} is taken: a name is used once, and ${reservedColumns.join(', ')} are the table's own.`,
        {
          owner: contract.owner,
          wayOut: `Give the column another name in the contract; its source name stays.`,
        },
      )
    }
    seen.add(name)
  }
  return {
    table: bronzeRef(contract),
    doc: `Feed ${contract.vendor}/${contract.table} as delivered, typed by its contract.`,
    columns: [
      ...contract.columns.map(({ name, type, nullable, retired, description, sourceName }) =>
        column(name, type, !nullable && retired !== true, description ?? `Source column ${sourceName}.`),
      ),
      ...bronzeMetadata,
    ],
    partition: bronzePartition,
  }
}

/** What every core row says of where it came from. */
export const coreMetadata: readonly ColumnDefinition[] = [
  column('_vendor_name', 'string', true, 'Vendor of the row; with the key, what one row is.'),
  column('_delivery_id', 'string', true, 'Delivery the row came in.'),
  column('_run_id', 'string', true, 'Run that wrote it.'),
  column('_mapping_version', 'int', true, 'Version of the mapping it was made by.'),
  column('_standard_version', 'string', true, 'Version of the standard it follows.'),
]

/** `product_core.<standard>`. Only the key is required physically: the rules say what else may not be missing. */
export function coreTable(standard: Standard): TableDefinition {
  return {
    table: { namespace: 'product_core', name: standard.name },
    doc: `${standard.name} ${standard.version}: ${standard.description}`,
    columns: [
      ...standard.columns.map(({ name, type, definition }) =>
        column(name, type, standard.key.includes(name), definition),
      ),
      ...coreMetadata,
    ],
    partition: [{ column: '_vendor_name', transform: 'identity' }],
  }
}
