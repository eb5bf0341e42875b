import { z } from 'zod'
import { Approval, ApprovalDecision } from '../data/approval.ts'
import { Count, Feed, Owner } from '../data/common.ts'
import { Delivery, Run } from '../data/delivery.ts'
import { ContractRef } from '../data/feed-contract.ts'
import { TableRef } from '../data/load-plan.ts'
import { MappingRef } from '../data/mapping.ts'

/** A message schema is released with a version; `data` of every event carries the run it belongs to. */
const about = { run: Run, delivery: Delivery }

export const FeedDelivered = z.strictObject({ ...about })

export const ContractReady = z.strictObject({ ...about, contract: ContractRef, changes: z.array(z.string()) })

/** Records of the source and where they went: read = loaded + rejected. */
export const BronzeCounts = z.strictObject({ read: Count, loaded: Count, rejected: Count })
export type BronzeCounts = z.infer<typeof BronzeCounts>

export const BronzeLoaded = z.strictObject({
  ...about,
  contract: ContractRef,
  table: TableRef,
  snapshotId: z.string(),
  counts: BronzeCounts,
  /** How often core was staged before in this run and had to be staged again because main moved under it. */
  stagedBefore: Count.default(0),
})

/** Rows of bronze and where they went: bronze = staged + superseded + supersededLater + rejected. */
export const CoreCounts = z.strictObject({
  bronze: Count,
  staged: Count,
  /** Rows with a later row of the same key in the same delivery. */
  superseded: Count,
  /** Rows whose key a later delivery already holds in core; only when core is made again. */
  supersededLater: Count,
  rejected: Count,
})
export type CoreCounts = z.infer<typeof CoreCounts>

export const CoreStaged = z.strictObject({
  ...about,
  contract: ContractRef,
  mapping: MappingRef,
  bronze: BronzeCounts,
  table: TableRef,
  branch: z.string(),
  snapshotId: z.string(),
  writeKey: z.string(),
  counts: CoreCounts,
  laterDeliveries: z.array(z.string()),
  stagedBefore: Count.default(0),
})

export const CheckResult = z.strictObject({
  id: z.string(),
  severity: z.enum(['reject', 'warn', 'refuse']),
  owner: Owner,
  message: z.string(),
  broken: Count,
  /** Keys of a few rows that break it. */
  rows: z.array(z.string()).max(5),
})
export type CheckResult = z.infer<typeof CheckResult>

export const Judgement = z.strictObject({
  verdict: z.enum(['publish', 'refuse']),
  reasons: z.array(z.strictObject({ code: z.string(), message: z.string(), owner: Owner, wayOut: z.string() })),
  checks: z.array(CheckResult),
})
export type Judgement = z.infer<typeof Judgement>

export const CorePublished = z.strictObject({ ...about, table: TableRef, snapshotId: z.string(), judgement: Judgement })
export const CoreRefused = z.strictObject({ ...about, table: TableRef, judgement: Judgement })

export const ApprovalRequested = z.strictObject({ ...about, approval: Approval })
export const ApprovalDecided = z.strictObject({
  ...about,
  approvalId: z.string(),
  /** What was asked about, see ApprovalQuestion. */
  subject: z.string(),
  agent: z.string(),
  decision: ApprovalDecision,
})

/** A code of the failure table; any word, since a reader may be older than the writer and its table. */
export const FailureReport = z.strictObject({
  code: z.string().regex(/^[A-Z][A-Z_]*$/),
  message: z.string(),
  wayOut: z.string(),
  owner: Owner,
})
export type FailureReport = z.infer<typeof FailureReport>

/** One call of a tool in the turn that failed. */
export const ToolCallReport = z.strictObject({
  /** `server.tool`. */
  tool: z.string(),
  /** As on the span of the call. */
  argumentsDigest: z.string(),
  /** Recalled: the ledger had the answer. */
  ended: z.enum(['answered', 'recalled', 'failed']),
  /** Code of the failure. */
  code: z.string().optional(),
})
export type ToolCallReport = z.infer<typeof ToolCallReport>
/** The latest ones of a long turn; the trace has all. */
export const mostToolCallsReported = 100

export const RunFailed = z.strictObject({
  feed: Feed,
  /** Absent when the failure came before there was a delivery (an unreadable file, a message no schema accepts). */
  run: Run.optional(),
  delivery: Delivery.optional(),
  file: z.string().optional(),
  agent: z.string(),
  failure: FailureReport,
  /** The run's, or that of a message nobody could read. */
  traceId: z.string().optional(),
  /** Where the agent's graph stood: its last checkpoint, and the nodes that were next. */
  checkpoint: z.strictObject({ threadId: z.string(), id: z.string(), next: z.array(z.string()) }).optional(),
  /** What the failed turn called, in order. */
  toolCalls: z.array(ToolCallReport).max(mostToolCallsReported).default([]),
  /** The message whose handling failed, to be replayed. */
  message: z.strictObject({ topic: z.string(), id: z.string(), data: z.unknown() }).optional(),
})

/** Every event by topic: the topic is the event's name, `v` the version of its schema. */
export const events = {
  'feed.delivered': { v: 1, data: FeedDelivered },
  'contract.ready': { v: 1, data: ContractReady },
  'bronze.loaded': { v: 1, data: BronzeLoaded },
  'core.staged': { v: 1, data: CoreStaged },
  'core.published': { v: 1, data: CorePublished },
  'core.refused': { v: 1, data: CoreRefused },
  'approval.requested': { v: 1, data: ApprovalRequested },
  'approval.decided': { v: 1, data: ApprovalDecided },
  'run.failed': { v: 1, data: RunFailed },
} as const

export type Topic = keyof typeof events
export type EventData<T extends Topic> = z.infer<(typeof events)[T]['data']>

/** CloudEvents `type` of a topic's current schema version. */
export const eventType = (topic: Topic): string => `aiworkflow.${topic}.v${events[topic].v}`
