/**
 * One subscription of the bus on Kafka: a reader of the group, made anew when it has given up, and the member of the group that it
 * feeds. It owns both, and ends when it is closed or when only a person can help.
 */
import { Failure } from '../contracts/failures.ts'
import type { DrainResult, SubscribeOptions, Subscription } from './bus.ts'
import type { DeliveryNotes } from './delivery-notes.ts'
import { PartitionConsumer } from './partition-consumer.ts'
import type { CommittedOffset, LogMessage, PartitionLog, PartitionTimings } from './partition-log.ts'

/** What a reader of a group tells. Names are those on the wire. */
export interface ReaderEvents {
  /** The group has given this reader these partitions, and no others. */
  assigned(partitions: readonly { readonly topic: string; readonly partition: number }[]): void
  /** What was read of a partition; returns how many messages are taken care of. */
  read(topic: string, partition: number, messages: readonly LogMessage[]): number
  /** It stumbled, and comes back by itself. */
  stumbled(error: unknown): void
}

/** A reader of a group from its first join until it gives up. */
export interface GroupReader {
  pause(topic: string, partition: number): void
  resume(topic: string, partition: number): void
  seek(topic: string, partition: number, offset: number): void
  commit(offsets: readonly CommittedOffset[]): Promise<void>
  /** Reads until it gives up; resolves with why, or throws it. */
  run(topics: readonly string[]): Promise<unknown>
  /** Leaves the group; `run` may stay open for ever after. */
  stop(): Promise<void>
}

export interface SubscriptionParts {
  readonly options: SubscribeOptions
  readonly notes: DeliveryNotes
  readonly timings: PartitionTimings
  /** How long to wait before a reader that gave up is followed by another. */
  readonly pauseMs: number
  wireName(name: string): string
  makeReader(events: ReaderEvents): GroupReader
  failureOf(error: unknown): Failure
  troubled(error: unknown): void
  recovered(): void
  onEnd(): void
}

export class KafkaSubscription implements Subscription, PartitionLog {
  readonly ended: Promise<void>
  readonly #end: { resolve: () => void; reject: (error: unknown) => void }
  readonly #parts: SubscriptionParts
  readonly #member: PartitionConsumer
  readonly #topicOf: ReadonlyMap<string, string>
  #reader: GroupReader | undefined
  #isOver = false

  constructor(parts: SubscriptionParts) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ended = promise
    this.#end = { resolve, reject }
    this.#parts = parts
    const { options, notes, timings } = parts
    this.#topicOf = new Map(options.topics.map(topic => [parts.wireName(topic), topic]))
    this.#member = new PartitionConsumer(options, notes, this, timings)
  }

  get group(): string {
    return this.#parts.options.group
  }

  /** Handlers at work. */
  get running(): number {
    return this.#member.running
  }

  finishedUpTo(topic: string, partition: number): number | undefined {
    return this.#member.finishedUpTo(topic, partition)
  }

  /** Resolves when the member takes part in the group. */
  async start(): Promise<void> {
    const joined = Promise.withResolvers<void>()
    void this.#run(joined.resolve)
    await Promise.race([joined.promise, this.ended])
  }

  async drain(timeoutMs: number): Promise<DrainResult> {
    const result = await this.#member.drain(timeoutMs)
    await this.close()
    return result
  }

  async close(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    await this.#member.close()
    await this.#reader?.stop()
    this.#parts.onEnd()
    this.#end.resolve()
  }

  abandon(): void {
    if (this.#isOver) return
    this.#leave()
    this.#end.resolve()
  }

  fault(error: unknown): void {
    if (this.#isOver) return
    this.#leave()
    this.#end.reject(error)
  }

  pause(topic: string, partition: number): void {
    this.#reader?.pause(this.#parts.wireName(topic), partition)
  }

  resume(topic: string, partition: number): void {
    this.#reader?.resume(this.#parts.wireName(topic), partition)
  }

  seek(topic: string, partition: number, offset: number): void {
    this.#reader?.seek(this.#parts.wireName(topic), partition, offset)
  }

  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    if (this.#reader === undefined) throw new Failure('BUS_UNREACHABLE', 'No reader is there to acknowledge with.')
    await this.#reader.commit(offsets.map(each => ({ ...each, topic: this.#parts.wireName(each.topic) })))
  }

  #leave(): void {
    this.#isOver = true
    this.#member.abandon()
    void this.#reader?.stop()
    this.#parts.onEnd()
  }

  async #run(joined: () => void): Promise<void> {
    while (!this.#isOver) {
      const error = await this.#read(joined).catch(thrown => thrown as unknown)
      if (this.#isOver) return
      const failure = this.#parts.failureOf(error)
      // Anything but a refusal is waited for.
      if (failure.code === 'BUS_REFUSED') return this.fault(failure)
      this.#parts.troubled(failure)
      await new Promise(resolve => setTimeout(resolve, this.#parts.pauseMs))
    }
  }

  /** One reader from its first join to the crash that it does not come back from by itself. */
  async #read(joined: () => void): Promise<unknown> {
    const { makeReader, troubled, recovered } = this.#parts
    const reader = makeReader({
      assigned: partitions => {
        recovered()
        const { group } = this
        this.#member.assign(
          partitions.flatMap(({ topic: wireName, partition }) => {
            const topic = this.#topicOf.get(wireName)
            return topic === undefined ? [] : [{ group, topic, partition }]
          }),
        )
        joined()
      },
      read: (wireName, partition, messages) => {
        const topic = this.#topicOf.get(wireName)
        if (topic === undefined) return messages.length
        return this.#member.receive(
          topic,
          partition,
          messages.map(message => ({ ...message, topic })),
        )
      },
      stumbled: troubled,
    })
    this.#reader = reader
    try {
      return await Promise.race([reader.run([...this.#topicOf.keys()]), this.ended])
    } finally {
      await reader.stop()
    }
  }
}
