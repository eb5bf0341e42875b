/**
 * The embedded bus: a durable log with partitions and consumer groups in one SQLite file, for one machine and any number of
 * processes on it. It keeps every promise of bus.ts, and publishes a batch atomically.
 *
 * Owns: the file (tables in local-log.ts), its consumers, a timer that prunes. Two connections: publishing survives loss of
 * power; bookkeeping of deliveries survives a crash of the process, and what the power takes is delivered again.
 *
 * How processes share it: nobody coordinates. Every consumer looks at the table of members once per heartbeat, computes the
 * same split of partitions, gives back what is not its share and takes what is free. A dead process on the same machine is
 * recognised at once (owner.ts); anything else is waited for until its lease runs out. News travel by a poll of a counter
 * that SQLite keeps in shared memory; within a bus object at once.
 */
import { Failure } from '../contracts/failures.ts'
import type { Bus, DeadLetter, OutgoingMessage, PartitionLag, SubscribeOptions, Subscription } from './bus.ts'
import { maxMessageBytes } from './envelope.ts'
import { type ConsumerTimings, LocalConsumer } from './local-consumer.ts'
import { LocalGroups } from './local-groups.ts'
import { LocalLog } from './local-log.ts'

export interface LocalBusOptions extends Partial<ConsumerTimings> {
  readonly path: string
  /** How long acknowledged messages, messages without readers, and dead letters are kept. */
  readonly retentionMs?: number
  readonly maxMessageBytes?: number
}

const defaults = Object.freeze({
  partitions: 8,
  leaseMs: 10_000,
  heartbeatMs: 1_000,
  pollMs: 25,
  readAhead: 10_000,
  retentionMs: 7 * 24 * 3_600_000,
  maxMessageBytes,
})

const pruneEveryMs = 60_000
const pruneLimit = 1_000

export class LocalBus implements Bus {
  readonly system = 'aiworkflow'
  readonly #options: Required<LocalBusOptions>
  readonly #log: LocalLog
  readonly #groups: LocalGroups
  readonly #consumers = new Set<LocalConsumer>()
  readonly #pruning: NodeJS.Timeout

  constructor(options: LocalBusOptions) {
    this.#options = Object.freeze({ ...defaults, ...options })
    this.#log = new LocalLog(options.path, this.#options.partitions)
    this.#groups = new LocalGroups(options.path)
    this.#pruning = setInterval(() => this.#pruneQuietly(), pruneEveryMs).unref()
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return
    for (const { topic, key, value } of messages) {
      if (value.length <= this.#options.maxMessageBytes) continue
      const limit = this.#options.maxMessageBytes
      throw new Failure(
        'MESSAGE_TOO_LARGE',
        `A message of ${value.length} bytes for ${topic}, key ${key}; ${limit} are allowed.`,
      )
    }
    this.#log.append(messages, Date.now())
    for (const consumer of this.#consumers) consumer.notify()
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const forget = () => void this.#consumers.delete(consumer)
    const consumer = new LocalConsumer(this.#groups, options, this.#options, forget)
    consumer.start()
    this.#consumers.add(consumer)
    return consumer
  }

  get running(): number {
    return [...this.#consumers].reduce((sum, consumer) => sum + consumer.running, 0)
  }

  async lag(group: string): Promise<readonly PartitionLag[]> {
    return this.#groups.lag(group)
  }

  async idle(): Promise<boolean> {
    return this.#groups.idle(Date.now())
  }

  async deadLetters(group?: string): Promise<readonly DeadLetter[]> {
    return this.#groups.deadLetters(group ?? null)
  }

  /** Removes a bounded number of messages that are past the retention; returns how many. Also runs once a minute. */
  prune(): number {
    return this.#log.prune(Date.now() - this.#options.retentionMs, pruneLimit)
  }

  async close(): Promise<void> {
    try {
      await Promise.all([...this.#consumers].map(consumer => consumer.close()))
    } finally {
      this.#release()
    }
  }

  /** Leaves everything as `kill -9` of the process would: for tests and the simulator. */
  abandon(): void {
    for (const consumer of this.#consumers) consumer.abandon()
    this.#release()
  }

  #release(): void {
    clearInterval(this.#pruning)
    this.#log.close()
    this.#groups.close()
  }

  #pruneQuietly(): void {
    try {
      this.prune()
    } catch (error) {
      // A busy or full disk is no reason to stop delivering: the next round prunes.
      if (!(error instanceof Failure)) throw error
    }
  }
}
