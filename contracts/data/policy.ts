import { z } from 'zod'
import { Count, Fraction, Owner } from './common.ts'
import { ModelPolicy } from './model.ts'

/** What a policy says of a decision: take it, ask a person first, or refuse the delivery. */
export const Verdict = z.enum(['accept', 'ask', 'refuse'])
export type Verdict = z.infer<typeof Verdict>

/** Which decisions a machine may take alone. */
export const AutonomyPolicy = z.strictObject({
  kind: z.literal('policy.autonomy'),
  owner: Owner,
  newFeed: Verdict,
  /** What a new file does not settle, as the order of day and month: left as found (the column stays text), or a question that the run waits for. */
  doubts: z.enum(['leave', 'wait']).default('leave'),
  drift: z.strictObject({
    columnAdded: Verdict,
    columnRemoved: Verdict,
    columnRenamed: Verdict,
    columnsReordered: Verdict,
    typeWidened: Verdict,
    typeChanged: Verdict,
    formatChanged: Verdict,
  }),
  mapping: z.strictObject({
    /** At or above: taken without asking. */
    acceptConfidence: Fraction,
    /** Below: the feed has nothing for the column; nobody is asked. */
    askConfidence: Fraction,
    /** The best candidate must lead the second by this much to be taken without asking. */
    leadMargin: Fraction,
    /** Points per kind of evidence, summed and squeezed to a confidence. */
    weights: z.record(z.string(), z.number()),
    /** Words at the end of a name that say in what it is counted, not what it is: units and currencies, in small letters. */
    asides: z.array(z.string()).default([]),
    unsureRequired: z.enum(['wait', 'refuse']),
    unsureOptional: z.enum(['leave-null-and-ask', 'leave-null']),
  }),
  publish: z.strictObject({
    /** More rejected records than this share of the source refuses the delivery. */
    toleratedErrorFraction: Fraction,
  }),
  /** Taking a published delivery back out of core. */
  rollback: Verdict.default('ask'),
})
export type AutonomyPolicy = z.infer<typeof AutonomyPolicy>

/** How a file is looked at before it has a contract. */
export const DiscoveryPolicy = z.strictObject({
  kind: z.literal('policy.discovery'),
  owner: Owner,
  sampleBytes: Count,
  maxRecordBytes: Count,
  /** A narrower type is proposed when at least this share of the values fits it. */
  typeFit: Fraction,
  nullTokens: z.array(z.string()),
  booleans: z.array(z.strictObject({ true: z.array(z.string()), false: z.array(z.string()) })),
  /** strptime patterns tried in order; an ambiguous day and month is left to a person. */
  datePatterns: z.array(z.string()),
  timestampPatterns: z.array(z.string()),
  /** Words in a header that mark an identifier: its values stay text whatever they look like. */
  identifierWords: z.array(z.string()),
  /** Names of value kinds with the regular expression their values fit, and the share that must. */
  semantics: z.array(
    z.strictObject({
      name: z.string(),
      pattern: z.string(),
      fit: Fraction,
      checkDigit: z.enum(['gs1']).optional(),
      /** Other values look like this too: what the column is remains a question. */
      doubted: z.boolean().default(false),
    }),
  ),
  /** A key that leads the next best by less than this is a question; left out, the best is taken. */
  keyLead: Fraction.optional(),
  /** A first row is a question where its being a header is less sure than this, of -1 (a record) to 1 (a header); left out, it never is. */
  headerCertainty: Fraction.optional(),
  /** A file is whole when size and time of change stood still this long. */
  settleMs: Count,
})
export type DiscoveryPolicy = z.infer<typeof DiscoveryPolicy>

/** What may be spent by one run, and how often a transient failure is tried again. */
export const SpendingPolicy = z.strictObject({
  kind: z.literal('policy.spending'),
  owner: Owner,
  run: z.strictObject({ toolCalls: Count, wallMs: Count, modelTokens: Count, moneyMicros: Count }),
  retry: z.strictObject({ maxAttempts: Count, firstDelayMs: Count, maxDelayMs: Count }),
  /** How often people may start what failed again: one delivery, or one message that nobody could read. */
  replays: z.strictObject({ perLetter: Count }).default({ perLetter: 10 }),
})
export type SpendingPolicy = z.infer<typeof SpendingPolicy>

const Some = z.int().min(1)

/** How compute is sized. What is left out is left to the engine. */
export const ComputePolicy = z.strictObject({
  kind: z.literal('policy.compute'),
  owner: Owner,
  /** A source larger than this, or with more records, goes to Spark where there is one. */
  embedded: z.strictObject({
    memoryLimitBytes: Count,
    threads: Count,
    maxSourceBytes: Count,
    maxSourceRows: Count.optional(),
  }),
  spark: z.strictObject({
    /** A worker for so many records or bytes, whichever gives more workers. */
    rowsPerWorker: Some,
    bytesPerWorker: Some.optional(),
    leastWorkers: Some.optional(),
    maxWorkers: Some,
    /** What one worker is: its memory is `perSourceByte` of its share of the source, within bounds. */
    worker: z
      .strictObject({
        cores: Some,
        memory: z.strictObject({ leastBytes: Some, mostBytes: Some, perSourceByte: z.number().min(0) }),
      })
      .optional(),
    shuffle: z.strictObject({ bytesPerPartition: Some, most: Some }).optional(),
  }),
  /** Data files: how large one is meant to be, and how large a source is once it is stored, as a share of its size. */
  files: z.strictObject({ targetBytes: Some, storedShare: z.number().positive() }).optional(),
  /**
   * What readers of a feed's raw table filter by, beyond day and vendor: from that size on the table is divided by the first of the
   * columns (names, or what discovery calls their values) whose values divide well. The first line that names the feed counts.
   */
  access: z
    .array(
      z.strictObject({
        /** `vendor/table`, with `*` for any run of characters. */
        feeds: z.string(),
        columns: z.array(z.string()).min(1),
        fromTableBytes: Count,
      }),
    )
    .default([]),
})
export type ComputePolicy = z.infer<typeof ComputePolicy>

/** How tables are kept small and quick: what `aiworkflow maintain` does. */
export const MaintenancePolicy = z.strictObject({
  kind: z.literal('policy.maintenance'),
  owner: Owner,
  compaction: z.strictObject({
    targetFileBytes: z.int().min(1),
    smallFiles: z.int().min(2),
    deletedFraction: Fraction,
  }),
  snapshots: z.strictObject({ keptHours: z.number().min(0), keptLeast: z.int().min(1) }),
  orphans: z.strictObject({ ageHours: z.number().min(0) }),
})
export type MaintenancePolicy = z.infer<typeof MaintenancePolicy>

export const Policies = z.strictObject({
  autonomy: AutonomyPolicy,
  discovery: DiscoveryPolicy,
  spending: SpendingPolicy,
  compute: ComputePolicy,
  /** Absent: no model is asked, whatever the settings name. */
  model: ModelPolicy.optional(),
  /** Absent: tables are left as they are. */
  maintenance: MaintenancePolicy.optional(),
})
export type Policies = z.infer<typeof Policies>
