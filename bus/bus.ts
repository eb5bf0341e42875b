/**
 * The bus: how messages travel between agents. This page is the promise; every adapter keeps it, and
 * `test/conformance/bus.ts` is the same page as tests.
 *
 * 1. Durable: when `publish` resolves, the messages survive a crash of every process. A batch is atomic on the local bus;
 *    an adapter that cannot do so says it, and then a rejected publish may have sent part of the batch.
 * 2. At least once: a message is acknowledged only after its handler resolved. A crash before that delivers it again, so
 *    duplicates are possible; a duplicate carries the same headers, hence the same event id.
 * 3. Order: messages of one key in one topic reach a group in the order they were published, one at a time. Nothing is
 *    promised between keys or between topics.
 * 4. Parallel: different keys run side by side up to `concurrency`. A message that is tried again later holds back its own
 *    key and no other.
 * 5. Shared: the consumers of one group split the partitions among themselves; when one dies another takes over and starts
 *    at what was not acknowledged. A new group starts at the oldest message still kept.
 * 6. Bounded: a consumer holds at most `concurrency` handlers and a bounded read-ahead; what is not taken stays on the log.
 * 7. Attempts: `attempt` counts how often this group was handed the message, crashes included.
 */
import type { Failure } from '../contracts/failures.ts'

/** A message as it goes onto the log. Data travels by reference: keep `value` small. */
export interface OutgoingMessage {
  readonly topic: string
  /** What order is kept for; the feed key in this product. */
  readonly key: string
  /** Text headers, Kafka style: CloudEvents attributes and trace context (see envelope.ts). */
  readonly headers: Readonly<Record<string, string>>
  readonly value: Uint8Array
}

export interface ReceivedMessage extends OutgoingMessage {
  readonly partition: number
  /** Grows within a partition; gaps are normal. */
  readonly offset: number
  /** 1 for the first delivery to this group. */
  readonly attempt: number
  readonly publishedAtMs: number
}

/** What a handler wants to happen next. A thrown error is mapped by its failure kind, see outcome.ts. */
export type HandlerOutcome =
  | { readonly kind: 'done' }
  /** Deliver again after `afterMs`; later messages of the key wait behind it. Not limited: the handler decides. */
  | { readonly kind: 'retry'; readonly afterMs: number; readonly reason: string }
  /** Give up: the message goes to the dead letters and the key moves on. */
  | { readonly kind: 'dead'; readonly failure: Failure }

export interface SubscribeOptions {
  readonly group: string
  readonly topics: readonly string[]
  readonly handler: (message: ReceivedMessage) => Promise<HandlerOutcome>
  /** Handlers at once. */
  readonly concurrency?: number
  /** How thrown transient errors are tried again; see `RetryPolicy`. */
  readonly retry?: Partial<RetryPolicy>
}

/** Backoff for thrown transient failures: doubling from `baseMs` up to `maxMs`, dead after `maxFailures`. */
export interface RetryPolicy {
  readonly baseMs: number
  readonly maxMs: number
  readonly maxFailures: number
}

export type DrainResult = { readonly kind: 'drained' } | { readonly kind: 'timeout'; readonly unfinished: number }

export interface Subscription {
  /** Stop taking, let running handlers finish and acknowledge, give the partitions back. Unfinished ones are delivered again. */
  drain(timeoutMs: number): Promise<DrainResult>
  /** Stop at once; running handlers are not waited for and their messages are delivered again. */
  close(): Promise<void>
  /** Resolves when the subscription has ended; rejects if it ended by a fault that waiting does not mend: await it. */
  readonly ended: Promise<void>
}

export interface PartitionLag {
  readonly topic: string
  readonly partition: number
  /** Messages that this group has not finished, held ones included. */
  readonly messages: number
}

export interface DeadLetter {
  readonly group: string
  readonly message: ReceivedMessage
  readonly failure: {
    readonly code: string
    readonly message: string
    readonly wayOut: string
    readonly owner?: string
  }
  readonly atMs: number
}

export interface Bus {
  /** What OpenTelemetry calls the messaging system: `kafka`, or `aiworkflow` for our own. */
  readonly system: 'kafka' | 'aiworkflow'
  /** Handlers at work in this process. */
  readonly running: number
  /** Errors: MESSAGE_TOO_LARGE, STATE_BUSY, DISK_FULL. */
  publish(messages: readonly OutgoingMessage[]): Promise<void>
  /** Resolves when the subscription takes part in the group. */
  subscribe(options: SubscribeOptions): Promise<Subscription>
  /** Unfinished messages per partition of a group; partitions without any are left out. */
  lag(group: string): Promise<readonly PartitionLag[]>
  /** Whether every group with a live subscription has finished everything, as one consistent look. */
  idle(): Promise<boolean>
  /** Oldest first. */
  deadLetters(group?: string): Promise<readonly DeadLetter[]>
  /** Closes all subscriptions of this bus, then the bus. */
  close(): Promise<void>
}

/** Waits until the bus is idle. Resolves false if `signal` aborts first. */
export async function untilIdle(
  bus: Bus,
  options: { readonly pollMs?: number; readonly signal?: AbortSignal } = {},
): Promise<boolean> {
  while (!(options.signal?.aborted ?? false)) {
    if (await bus.idle()) return true
    await new Promise(resolve => setTimeout(resolve, options.pollMs ?? 10))
  }
  return false
}
