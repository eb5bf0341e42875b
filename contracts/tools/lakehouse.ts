import { z } from 'zod'
import { Count, Instant } from '../data/common.ts'
import { Delivery } from '../data/delivery.ts'
import { FeedContract } from '../data/feed-contract.ts'
import { LoadPlan, TableRef } from '../data/load-plan.ts'
import { Mapping } from '../data/mapping.ts'
import { NormalizationRule, Rule } from '../data/rule.ts'
import { Standard } from '../data/standard.ts'
import { BronzeCounts, CoreCounts } from '../events/events.ts'
import { VendorFacts } from './metadata.ts'
import { readingTool, writingTool } from './tool.ts'

const writeKey = z.string().describe('What makes the write the same write: it happens at most once')
const Cell = z.union([z.string(), z.number(), z.boolean(), z.null()])

/** Everything that governs core rows of one delivery; the tool compiles it itself and runs no text that it is handed. */
export const StageInput = z.strictObject({
  writeKey,
  run: z.strictObject({ id: z.string(), traceId: z.string() }),
  delivery: Delivery,
  contract: FeedContract,
  mapping: Mapping,
  standard: Standard,
  normalization: z.array(NormalizationRule),
  checks: z.array(Rule),
  vendor: VendorFacts,
  /** Deliveries of this feed that came later: their rows in core are not replaced by this one's. */
  laterDeliveries: z.array(z.string()),
  /** Earlier deliveries of this feed whose rows leave core, because this one is everything the vendor has. */
  replacedDeliveries: z.array(z.string()),
})
export type StageInput = z.infer<typeof StageInput>

/** Everything that governs what a delivery leaves behind when it is taken back: whose rows come in the place of its own. */
export const RollbackInput = z.strictObject({
  writeKey,
  run: z.strictObject({ id: z.string(), traceId: z.string() }),
  delivery: Delivery,
  /** Every feed of the vendor with a mapping: earlier deliveries of them say what the keys were before. */
  feeds: z.array(z.strictObject({ contract: FeedContract, mapping: Mapping })),
  standard: Standard,
  normalization: z.array(NormalizationRule),
  checks: z.array(Rule),
  vendor: VendorFacts,
})
export type RollbackInput = z.infer<typeof RollbackInput>

/** Rows of core that a rollback takes out, and those of earlier deliveries that come back. */
export const RollbackCounts = z.strictObject({ removed: Count, restored: Count })
export type RollbackCounts = z.infer<typeof RollbackCounts>

/** What is said of a delivery in bronze, whose own rows never change. */
export const DeliveryMark = z.enum(['rolled-back', 'taken-again'])
export type DeliveryMark = z.infer<typeof DeliveryMark>

export const lakehouse = {
  create_table: writingTool({
    title: 'Create or widen a table',
    description:
      'Creates the raw table of a feed contract and the error table, or adds the optional columns a newer contract brings. `partition` divides new files further than they are.',
    input: z.strictObject({ contract: FeedContract, partition: LoadPlan.shape.partition.optional() }),
    output: z.strictObject({ table: TableRef, created: z.boolean(), addedColumns: z.array(z.string()) }),
  }),
  run_load_plan: writingTool({
    title: 'Run a load plan',
    description: 'Loads one delivery into its raw table and sends every record that does not fit to the error table.',
    input: z.strictObject({
      plan: LoadPlan,
      contract: FeedContract,
      delivery: Delivery,
      maxRecordBytes: z.int().min(1),
    }),
    output: z.strictObject({ counts: BronzeCounts, snapshotId: z.string(), alreadyDone: z.boolean() }),
  }),
  list_engines: readingTool({
    title: 'List the engines',
    description:
      'What loads a delivery here: the engine that the settings ask for, and whether there is a Spark to submit to.',
    input: z.strictObject({}),
    output: z.strictObject({ setting: z.enum(['auto', 'duckdb', 'spark']), spark: z.boolean() }),
  }),
  query: readingTool({
    title: 'Query the lakehouse',
    description:
      'One reading SQL statement over all tables as namespace.table. `branches` reads a table at a branch instead of main.',
    input: z.strictObject({
      sql: z.string(),
      limit: z.int().min(1).max(100_000).default(1000),
      branches: z.record(z.string(), z.string()).default({}),
    }),
    output: z.strictObject({
      columns: z.array(z.strictObject({ name: z.string(), type: z.string() })),
      rows: z.array(z.array(Cell)),
    }),
  }),
  stage_core: writingTool({
    title: 'Stage core rows',
    description:
      'Writes the rows of one delivery, mapped onto the standard, to a branch of the core table; rejected rows go to the error table.',
    input: StageInput,
    output: z.strictObject({
      table: TableRef,
      branch: z.string(),
      snapshotId: z.string(),
      counts: CoreCounts,
      alreadyDone: z.boolean(),
    }),
  }),
  stage_rollback: writingTool({
    title: 'Stage the taking back of a delivery',
    description:
      'Writes to a branch of the core table what it is without one delivery: its rows go, and keys they had superseded get what the last earlier delivery of the vendor says, made again from bronze.',
    input: RollbackInput,
    output: z.strictObject({
      table: TableRef,
      branch: z.string(),
      snapshotId: z.string(),
      /** The head of main it is made from. */
      baseSnapshotId: z.string(),
      counts: RollbackCounts,
      alreadyDone: z.boolean(),
    }),
  }),
  mark_delivery: writingTool({
    title: 'Mark a delivery in bronze',
    description:
      'Adds a row to product_raw.delivery_marks: the latest one says whether the bronze rows of a delivery count. Rows themselves never change.',
    input: z.strictObject({
      writeKey,
      delivery: Delivery,
      run: z.strictObject({ id: z.string(), traceId: z.string() }),
      mark: DeliveryMark,
      by: z.string(),
      note: z.string(),
      at: Instant,
    }),
    output: z.strictObject({ marked: z.boolean() }),
  }),
  publish: writingTool({
    title: 'Publish a branch',
    description:
      'Moves main to the staged rows, or applies them again on a main that moved; says when they must be staged again.',
    input: z.strictObject({ table: TableRef, branch: z.string(), writeKey }),
    output: z.strictObject({ outcome: z.enum(['published', 'already', 'stage-again']), snapshotId: z.string() }),
  }),
  discard_branch: writingTool({
    title: 'Discard a branch',
    description: 'Drops a staged branch; main is untouched.',
    input: z.strictObject({ table: TableRef, branch: z.string() }),
    output: z.strictObject({ discarded: z.boolean() }),
  }),
  find_write: readingTool({
    title: 'Find a write',
    description: 'Whether a write key is in the history of a table, main or branch: how an unknown outcome is settled.',
    input: z.strictObject({ table: TableRef, writeKey, branch: z.string().optional() }),
    output: z.strictObject({ snapshotId: z.string().nullable(), summary: z.record(z.string(), z.string()) }),
  }),
  table_history: readingTool({
    title: 'History of a table',
    description: 'Snapshots of a table, newest first, with their summaries.',
    input: z.strictObject({
      table: TableRef,
      limit: z.int().min(1).max(1000).default(50),
      /** What a table that does not exist is answered with: a failure, or a history of nothing. */
      ifMissing: z.enum(['fail', 'empty']).default('fail'),
    }),
    output: z.strictObject({
      snapshots: z.array(
        z.strictObject({
          snapshotId: z.string(),
          at: z.string(),
          operation: z.string(),
          summary: z.record(z.string(), z.string()),
        }),
      ),
      records: Count,
    }),
  }),
} as const
