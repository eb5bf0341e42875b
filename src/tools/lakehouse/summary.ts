/**
 * What the product writes into the summary of a snapshot, and reads out of it again: whose write it is, and what was counted, so
 * that a write that was done before is answered with the same counts whoever asks. How many rows a snapshot added stands there
 * already, by Iceberg's own name.
 */
import type { BronzeCounts, CoreCounts } from '../../../contracts/events/events.ts'
import type { RollbackCounts } from '../../../contracts/tools/lakehouse.ts'

export type Summary = Readonly<Record<string, string>>

export interface WriteFacts {
  readonly runId: string
  readonly deliveryId: string
  readonly contractVersion: number
  readonly traceId: string
}

/** The write key itself is added by whoever commits. */
export const factsSummary = (facts: WriteFacts): Summary => ({
  'aiworkflow.run-id': facts.runId,
  'aiworkflow.delivery-id': facts.deliveryId,
  'aiworkflow.contract-version': String(facts.contractVersion),
  'aiworkflow.trace-id': facts.traceId,
})

export const contractVersionOf = (summary: Summary): string | undefined => summary['aiworkflow.contract-version']

/** `read` where records were counted apart from the rows they became. */
export type KnownBronze = Pick<BronzeCounts, 'rejected'> & Partial<Pick<BronzeCounts, 'read'>>
export type KnownCore = Omit<CoreCounts, 'staged'>

export const bronzeSummary = (known: KnownBronze): Summary => texts('aiworkflow.bronze.', known)
export const coreSummary = (known: KnownCore): Summary => texts('aiworkflow.core.', known)

/** Undefined where the summary is not one of a load. */
export function bronzeCountsOf(summary: Summary): BronzeCounts | undefined {
  const loaded = numberOf(summary, 'added-records')
  const rejected = numberOf(summary, 'aiworkflow.bronze.rejected')
  if (loaded === undefined || rejected === undefined) return undefined
  return { read: numberOf(summary, 'aiworkflow.bronze.read') ?? loaded + rejected, loaded, rejected }
}

/** Undefined where the summary is not one of a stage. */
export function coreCountsOf(summary: Summary): CoreCounts | undefined {
  const staged = numberOf(summary, 'added-records')
  const bronze = numberOf(summary, 'aiworkflow.core.bronze')
  const superseded = numberOf(summary, 'aiworkflow.core.superseded')
  const supersededLater = numberOf(summary, 'aiworkflow.core.supersededLater')
  const rejected = numberOf(summary, 'aiworkflow.core.rejected')
  if (staged === undefined || bronze === undefined) return undefined
  if (superseded === undefined || supersededLater === undefined || rejected === undefined) return undefined
  return { bronze, staged, superseded, supersededLater, rejected }
}

/** The counts of a rollback and the head of `main` it was made from. */
export const rollbackSummary = ({ removed, restored }: RollbackCounts, baseSnapshotId: string): Summary => ({
  ...texts('aiworkflow.rollback.', { removed, restored }),
  'aiworkflow.rollback.base': baseSnapshotId,
})

/** Undefined where the summary is not one of a rollback. */
export function rollbackOf(summary: Summary): { counts: RollbackCounts; baseSnapshotId: string } | undefined {
  const removed = numberOf(summary, 'aiworkflow.rollback.removed')
  const restored = numberOf(summary, 'aiworkflow.rollback.restored')
  const baseSnapshotId = summary['aiworkflow.rollback.base']
  if (removed === undefined || restored === undefined || baseSnapshotId === undefined) return undefined
  return { counts: { removed, restored }, baseSnapshotId }
}

const texts = (prefix: string, counts: Readonly<Record<string, number>>): Summary =>
  Object.fromEntries(Object.entries(counts).map(([name, count]) => [`${prefix}${name}`, String(count)]))

function numberOf(summary: Summary, key: string): number | undefined {
  const text = summary[key]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}
