/** What a member of a consumer group needs of a partitioned log, and what it is told by it. */
import type { ReceivedMessage } from './bus.ts'

export interface PartitionTimings {
  /** A claim that is not renewed for so long may be taken by another member. */
  readonly claimMs: number
  /** How long running handlers of a partition that goes to another member may take. */
  readonly rebalanceTimeoutMs: number
  /** Messages read and not finished, at most, bodies included. */
  readonly readAhead: number
  /** Outcomes that come within so long of one another are acknowledged together. */
  readonly commitEveryMs: number
}

/** The log as this member reads it. A partition that is assigned begins paused. */
export interface PartitionLog {
  pause(topic: string, partition: number): void
  resume(topic: string, partition: number): void
  /** Reading goes on from this offset. */
  seek(topic: string, partition: number, offset: number): void
  commit(offsets: readonly CommittedOffset[]): Promise<void>
  /** Something that waiting does not mend. */
  fault(error: unknown): void
}

export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  /** Of the first message that is not finished. */
  readonly offset: number
}

export type LogMessage = Omit<ReceivedMessage, 'attempt'>
