/**
 * What a log with consumer groups has no place for, kept beside it: how often a message was tried, until when it waits, which
 * messages are finished above the committed offset, what was given up, and who may work on a partition.
 *
 * Promises of every keeper of notes:
 * 1. A claim of a partition has one holder at a time. What is written under a claim that is no longer held changes nothing.
 * 2. What was written is there after a crash of every process.
 * 3. Notes below the committed offset mean nothing and go away by themselves.
 */
import type { DeadLetter } from './bus.ts'

/** One partition as one group sees it. */
export interface GroupPartition {
  readonly group: string
  readonly topic: string
  readonly partition: number
}

/** The right to work on a partition and to note what came of it. */
export interface PartitionClaim extends GroupPartition {
  /** Larger than that of every earlier claim of the partition. */
  readonly token: number
}

export interface DeliveryNote {
  /** How often the group was handed the message, the time that is under way included. */
  readonly attempts: number
  /** How often its handler threw. */
  readonly failures: number
  readonly retryAtMs?: number | undefined
  readonly done?: boolean | undefined
}

export interface NoteChanges {
  readonly put?: readonly (readonly [offset: number, note: DeliveryNote])[]
  readonly forget?: readonly number[]
  readonly buried?: DeadLetter
}

/** Errors of all methods: STATE_BUSY, DISK_FULL. */
export interface DeliveryNotes {
  /** Undefined while somebody else holds it, or the same owner under an earlier claim. */
  claim(partition: GroupPartition, owner: string, ttlMs: number): Promise<PartitionClaim | undefined>
  /** False when the claim is held no longer. */
  renew(claim: PartitionClaim, ttlMs: number): Promise<boolean>
  release(claim: PartitionClaim): Promise<void>
  /** False when the claim is held no longer, and then nothing was written. */
  write(claim: PartitionClaim, changes: NoteChanges): Promise<boolean>
  /** Notes at and above an offset. */
  read(partition: GroupPartition, fromOffset: number): Promise<ReadonlyMap<number, DeliveryNote>>
  /** A group listens to topics from now on. */
  join(group: string, topics: readonly string[]): Promise<void>
  topicsOf(group: string): Promise<readonly string[]>
  /** Oldest first. */
  deadLetters(group?: string): Promise<readonly DeadLetter[]>
}
