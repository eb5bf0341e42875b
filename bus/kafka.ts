/**
 * The bus on Apache Kafka, the only file that knows kafkajs.
 *
 * Owns: one producer, one admin client, and for every subscription one consumer with its {@link PartitionConsumer}. Connections are
 * opened by the first use.
 *
 * How messages come in: what a fetch brings goes into lanes at once, and the fetch loop goes on, so heartbeats and the other
 * partitions depend on no handler, however long one takes. A partition is paused while the lanes are full, and until its claim is
 * held. Offsets are committed as the lanes finish. Invariants beyond those of partition-consumer.ts:
 *  1. The producer is idempotent and waits for all replicas. One whose send has failed is never used again: its next batch would
 *     bear the number of the lost one, and a broker that has that would take it for a repetition and drop it.
 *  2. A batch is not atomic: a publish that is refused may have sent a part. Whoever publishes again sends the same ids.
 *  3. Topics are made by declaration, with the partitions and replicas that settings name; one that is there stays as it is.
 *  4. A group that comes late starts at the oldest message.
 *
 * How it fails: while no broker answers, a publish waits for `patienceMs`, then throws BUS_UNREACHABLE, which is transient, and
 * consumers wait for as long as it takes; both say so once. What a person has to mend is BUS_REFUSED, and ends a subscription.
 */
import { type Admin, type Consumer, Kafka, type KafkaConfig, logLevel, Partitioners, type Producer } from 'kafkajs'
import { Failure } from '../contracts/failures.ts'
import type {
  Bus,
  DeadLetter,
  DrainResult,
  OutgoingMessage,
  PartitionLag,
  SubscribeOptions,
  Subscription,
} from './bus.ts'
import type { DeliveryNotes } from './delivery-notes.ts'
import { maxMessageBytes } from './envelope.ts'
import { kafkaFailure } from './kafka-faults.ts'
import { logMessage, type WireMessage } from './kafka-message.ts'
import { type CommittedOffset, PartitionConsumer, type PartitionLog } from './partition-consumer.ts'
import { Trouble } from './trouble.ts'

export interface KafkaBusOptions {
  readonly brokers: readonly string[]
  readonly notes: DeliveryNotes
  readonly clientId?: string
  /** Stands before the names of topics and groups. */
  readonly prefix?: string
  /** Of topics that do not exist yet. */
  readonly partitions?: number
  readonly replication?: number
  /** Certificates in PEM. */
  readonly tls?: { readonly ca?: string } | undefined
  readonly sasl?:
    | {
        readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
        readonly username: string
        readonly password: string
      }
    | undefined
  /** A member that is not heard of for so long has died; its partitions go to others. */
  readonly sessionTimeoutMs?: number
  /** How long running handlers of a partition that goes to another member may take before they are left to their ledger. */
  readonly rebalanceTimeoutMs?: number
  /** How long a broker may hold a fetch that finds nothing. */
  readonly fetchWaitMs?: number
  /** How long a publish waits for a broker. */
  readonly patienceMs?: number
  readonly readAhead?: number
  readonly maxMessageBytes?: number
  /** Told once when no broker answers, and once when one does again. */
  readonly onTrouble?: (message: string) => void
}

type Defaulted =
  | 'clientId'
  | 'prefix'
  | 'partitions'
  | 'replication'
  | 'sessionTimeoutMs'
  | 'rebalanceTimeoutMs'
  | 'fetchWaitMs'
  | 'patienceMs'
  | 'readAhead'
  | 'maxMessageBytes'

const defaults: Required<Pick<KafkaBusOptions, Defaulted>> = Object.freeze({
  clientId: 'aiworkflow',
  prefix: '',
  partitions: 8,
  replication: 1,
  sessionTimeoutMs: 10_000,
  rebalanceTimeoutMs: 30_000,
  fetchWaitMs: 100,
  patienceMs: 60_000,
  readAhead: 500,
  maxMessageBytes,
})

const commitEveryMs = 20
const firstRetryMs = 100
const longestRetryMs = 1_000
/** Tries inside kafkajs, which make a few seconds; beyond them it is decided here. */
const innerRetries = 5
const fetchBytesPerPartition = 1 << 20

export class KafkaBus implements Bus {
  readonly #options: KafkaBusOptions & typeof defaults
  readonly #kafka: Kafka
  readonly #subscriptions = new Set<KafkaSubscription>()
  readonly #topics = new Map<string, Promise<void>>()
  #producer: Promise<Producer> | undefined
  #admin: Promise<Admin> | undefined
  readonly #trouble: Trouble
  #closed = false

  constructor(options: KafkaBusOptions) {
    this.#options = Object.freeze({ ...defaults, ...options })
    this.#trouble = new Trouble(options.onTrouble)
    this.#kafka = new Kafka(this.#configuration())
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<void> {
    if (messages.length === 0) return
    const limit = this.#options.maxMessageBytes
    for (const { topic, key, value } of messages) {
      if (value.length <= limit) continue
      throw new Failure(
        'MESSAGE_TOO_LARGE',
        `A message of ${value.length} bytes for ${topic}, key ${key}; ${limit} are allowed.`,
      )
    }
    const byTopic = Map.groupBy(messages, ({ topic }) => topic)
    await this.#patiently(async () => {
      await this.#ensureTopics([...byTopic.keys()])
      const producer = await this.#openProducer()
      const topicMessages = [...byTopic].map(([topic, all]) => ({
        topic: this.#wireName(topic),
        messages: all.map(({ key, headers, value }) => ({ key, headers: { ...headers }, value: Buffer.from(value) })),
      }))
      try {
        await producer.sendBatch({ topicMessages, acks: -1 })
      } catch (error) {
        this.#producer = undefined
        void producer.disconnect().catch(() => undefined)
        throw error
      }
    })
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const topics = [...new Set(options.topics)]
    await this.#patiently(() => this.#ensureTopics(topics))
    await this.#options.notes.join(options.group, topics)
    const subscription = new KafkaSubscription({
      options: { ...options, topics },
      notes: this.#options.notes,
      settings: this.#options,
      wireName: name => this.#wireName(name),
      makeConsumer: retry => this.#makeConsumer(options.group, retry),
      failureOf: error => kafkaFailure(error, this.#options.brokers),
      troubled: error => this.#troubled(error),
      recovered: () => this.#recovered(),
      onEnd: () => void this.#subscriptions.delete(subscription),
    })
    this.#subscriptions.add(subscription)
    await subscription.start()
    return subscription
  }

  async lag(group: string): Promise<readonly PartitionLag[]> {
    const finished = await this.#finishedOf(group)
    const behind = this.#behind(finished, await this.#endsOf([...new Set(finished.map(({ topic }) => topic))]))
    const counted = await Promise.all(
      behind.map(async ({ topic, partition, messages, upTo }) => {
        const notes = await this.#options.notes.read({ group, topic, partition }, upTo)
        const done = [...notes.values()].filter(note => note.done).length
        return { topic, partition, messages: messages - done }
      }),
    )
    return counted.filter(({ messages }) => messages > 0)
  }

  async idle(): Promise<boolean> {
    // What is finished is looked at first: ends that are no further afterwards mean that nothing was under way in between.
    const groups = [...new Set([...this.#subscriptions].map(({ group }) => group))]
    const finished = (await Promise.all(groups.map(group => this.#finishedOf(group)))).flat()
    const ends = await this.#endsOf([...new Set(finished.map(({ topic }) => topic))])
    return this.#behind(finished, ends).length === 0
  }

  deadLetters(group?: string): Promise<readonly DeadLetter[]> {
    return this.#options.notes.deadLetters(group)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#trouble.close()
    await Promise.all([...this.#subscriptions].map(subscription => subscription.close()))
    const quietly = (client: Promise<{ disconnect(): Promise<void> }> | undefined) =>
      client?.then(each => each.disconnect()).catch(() => undefined)
    await Promise.all([quietly(this.#producer), quietly(this.#admin)])
  }

  /** Leaves everything as `kill -9` of the process would: for tests. */
  abandon(): void {
    this.#closed = true
    this.#trouble.close()
    for (const subscription of this.#subscriptions) subscription.abandon()
    void this.#producer?.then(producer => producer.disconnect()).catch(() => undefined)
    void this.#admin?.then(admin => admin.disconnect()).catch(() => undefined)
  }

  #configuration(): KafkaConfig {
    const { brokers, clientId, tls, sasl } = this.#options
    return {
      clientId,
      brokers: [...brokers],
      ...(tls && { ssl: tls.ca === undefined ? true : { ca: [tls.ca] } }),
      ...(sasl && { sasl: { ...sasl } as NonNullable<KafkaConfig['sasl']> }),
      connectionTimeout: 3_000,
      authenticationTimeout: 10_000,
      requestTimeout: 30_000,
      retry: { initialRetryTime: firstRetryMs, maxRetryTime: longestRetryMs, retries: innerRetries },
      logLevel: logLevel.NOTHING,
    }
  }

  #wireName(name: string): string {
    return `${this.#options.prefix}${name}`
  }

  #makeConsumer(group: string, restartOnFailure: (error: Error) => Promise<boolean>): Consumer {
    const { sessionTimeoutMs, rebalanceTimeoutMs, fetchWaitMs } = this.#options
    return this.#kafka.consumer({
      groupId: this.#wireName(group),
      sessionTimeout: sessionTimeoutMs,
      // How long the group waits for its members to join anew; they do at once, since nothing is waited for before.
      rebalanceTimeout: Math.max(rebalanceTimeoutMs, sessionTimeoutMs),
      heartbeatInterval: Math.floor(sessionTimeoutMs / 5),
      maxWaitTimeInMs: fetchWaitMs,
      maxBytesPerPartition: fetchBytesPerPartition,
      allowAutoTopicCreation: false,
      retry: {
        initialRetryTime: firstRetryMs,
        maxRetryTime: longestRetryMs,
        retries: innerRetries,
        restartOnFailure,
      },
    })
  }

  #openProducer(): Promise<Producer> {
    this.#producer ??= this.#connected(
      this.#kafka.producer({
        idempotent: true,
        allowAutoTopicCreation: false,
        createPartitioner: Partitioners.DefaultPartitioner,
        retry: { initialRetryTime: firstRetryMs, maxRetryTime: longestRetryMs, retries: innerRetries },
      }),
      () => {
        this.#producer = undefined
      },
    )
    return this.#producer
  }

  #openAdmin(): Promise<Admin> {
    this.#admin ??= this.#connected(this.#kafka.admin(), () => {
      this.#admin = undefined
    })
    return this.#admin
  }

  async #connected<C extends { connect(): Promise<void> }>(client: C, forget: () => void): Promise<C> {
    try {
      await client.connect()
      return client
    } catch (error) {
      forget()
      throw error
    }
  }

  async #ensureTopics(topics: readonly string[]): Promise<void> {
    const unknown = topics.filter(topic => !this.#topics.has(topic))
    if (unknown.length > 0) {
      const made = this.#makeTopics(unknown.map(topic => this.#wireName(topic)))
      for (const topic of unknown) {
        this.#topics.set(topic, made)
        made.catch(() => this.#topics.delete(topic))
      }
    }
    await Promise.all(topics.map(topic => this.#topics.get(topic)))
  }

  async #makeTopics(topics: readonly string[]): Promise<void> {
    const admin = await this.#openAdmin()
    const there = new Set(await admin.listTopics())
    const missing = topics.filter(topic => !there.has(topic))
    if (missing.length === 0) return
    const { partitions, replication } = this.#options
    // False where another process was faster.
    await admin.createTopics({
      waitForLeaders: true,
      topics: missing.map(topic => ({ topic, numPartitions: partitions, replicationFactor: replication })),
    })
  }

  /** Per partition of the group's topics, one past the last finished message of an unbroken row, and how many are finished above. */
  async #finishedOf(group: string): Promise<readonly Finished[]> {
    const { notes } = this.#options
    const topics = await notes.topicsOf(group)
    if (topics.length === 0) return []
    const wireNames = new Map(topics.map(topic => [this.#wireName(topic), topic]))
    const committed = await this.#patiently(async () =>
      (await this.#openAdmin()).fetchOffsets({ groupId: this.#wireName(group), topics: [...wireNames.keys()] }),
    )
    const own = [...this.#subscriptions].filter(subscription => subscription.group === group)
    return committed.flatMap(({ topic: wireName, partitions }) => {
      const topic = wireNames.get(wireName)
      if (topic === undefined) return []
      return partitions.map(({ partition, offset }) => {
        const known = own.map(subscription => subscription.finishedUpTo(topic, partition) ?? -1)
        return { group, topic, partition, upTo: Math.max(Number(offset), ...known) }
      })
    })
  }

  /** By topic and partition: the oldest message kept, and one past the newest. */
  async #endsOf(
    topics: readonly string[],
  ): Promise<ReadonlyMap<string, { readonly low: number; readonly high: number }>> {
    const found = await this.#patiently(async () => {
      const admin = await this.#openAdmin()
      return Promise.all(
        topics.map(async topic => ({ topic, partitions: await admin.fetchTopicOffsets(this.#wireName(topic)) })),
      )
    })
    return new Map(
      found.flatMap(({ topic, partitions }) =>
        partitions.map(
          ({ partition, low, high }) => [`${topic}/${partition}`, { low: Number(low), high: Number(high) }] as const,
        ),
      ),
    )
  }

  #behind(
    finished: readonly Finished[],
    ends: ReadonlyMap<string, { readonly low: number; readonly high: number }>,
  ): (PartitionLag & Finished)[] {
    return finished.flatMap(each => {
      const { topic, partition, upTo } = each
      const end = ends.get(`${topic}/${partition}`)
      const messages = end === undefined ? 0 : end.high - Math.max(upTo, end.low)
      return messages > 0 ? [{ ...each, messages }] : []
    })
  }

  /** `work` until a broker answers it, or patience ends. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + this.#options.patienceMs
    for (let waitMs = firstRetryMs; ; waitMs = Math.min(2 * waitMs, longestRetryMs)) {
      try {
        const answer = await work()
        this.#recovered()
        return answer
      } catch (error) {
        const failure = kafkaFailure(error, this.#options.brokers)
        if (failure.code !== 'BUS_UNREACHABLE' || this.#closed || performance.now() + waitMs > deadline) throw failure
        this.#troubled(failure)
        await new Promise(resolve => setTimeout(resolve, waitMs))
      }
    }
  }

  #troubled(error: unknown): void {
    this.#trouble.begins(`${kafkaFailure(error, this.#options.brokers).message} Waiting for it.`)
  }

  #recovered(): void {
    this.#trouble.ends(`Kafka at ${this.#options.brokers.join(', ')} answers again.`)
  }
}

interface Finished {
  readonly topic: string
  readonly partition: number
  readonly upTo: number
}

interface SubscriptionParts {
  readonly options: SubscribeOptions
  readonly notes: DeliveryNotes
  readonly settings: Pick<typeof defaults, 'sessionTimeoutMs' | 'rebalanceTimeoutMs' | 'readAhead'>
  wireName(name: string): string
  makeConsumer(restartOnFailure: (error: Error) => Promise<boolean>): Consumer
  failureOf(error: unknown): Failure
  troubled(error: unknown): void
  recovered(): void
  onEnd(): void
}

/** One consumer of kafkajs, made anew when it has given up, and the member of the group that it feeds. */
class KafkaSubscription implements Subscription, PartitionLog {
  readonly ended: Promise<void>
  readonly #end: { resolve: () => void; reject: (error: unknown) => void }
  readonly #parts: SubscriptionParts
  readonly #member: PartitionConsumer
  readonly #topicOf: ReadonlyMap<string, string>
  #consumer: Consumer | undefined
  #isOver = false

  constructor(parts: SubscriptionParts) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ended = promise
    this.#end = { resolve, reject }
    this.#parts = parts
    const { options, notes, settings } = parts
    this.#topicOf = new Map(options.topics.map(topic => [parts.wireName(topic), topic]))
    this.#member = new PartitionConsumer(options, notes, this, {
      claimMs: settings.sessionTimeoutMs,
      rebalanceTimeoutMs: settings.rebalanceTimeoutMs,
      readAhead: settings.readAhead,
      commitEveryMs,
    })
  }

  get group(): string {
    return this.#parts.options.group
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
    await this.#consumer?.disconnect().catch(() => undefined)
    this.#parts.onEnd()
    this.#end.resolve()
  }

  abandon(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#member.abandon()
    void this.#consumer?.disconnect().catch(() => undefined)
    this.#parts.onEnd()
    this.#end.resolve()
  }

  pause(topic: string, partition: number): void {
    this.#ask(consumer => consumer.pause([{ topic: this.#parts.wireName(topic), partitions: [partition] }]))
  }

  resume(topic: string, partition: number): void {
    this.#ask(consumer => consumer.resume([{ topic: this.#parts.wireName(topic), partitions: [partition] }]))
  }

  seek(topic: string, partition: number, offset: number): void {
    this.#ask(consumer => consumer.seek({ topic: this.#parts.wireName(topic), partition, offset: String(offset) }))
  }

  async commit(offsets: readonly CommittedOffset[]): Promise<void> {
    const consumer = this.#consumer
    if (consumer === undefined) throw new Failure('BUS_UNREACHABLE', 'No consumer is there to acknowledge with.')
    await consumer.commitOffsets(
      offsets.map(({ topic, partition, offset }) => ({
        topic: this.#parts.wireName(topic),
        partition,
        offset: String(offset),
      })),
    )
  }

  fault(error: unknown): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#member.abandon()
    void this.#consumer?.disconnect().catch(() => undefined)
    this.#parts.onEnd()
    this.#end.reject(error)
  }

  /** A partition that was taken away between a decision and this call is nobody's business here any more. */
  #ask(work: (consumer: Consumer) => void): void {
    try {
      if (this.#consumer !== undefined) work(this.#consumer)
    } catch {
      // kafkajs has stopped this consumer; the next one begins with what is assigned to it.
    }
  }

  async #run(joined: () => void): Promise<void> {
    while (!this.#isOver) {
      try {
        const crash = await this.#consume(joined)
        if (this.#isOver) return
        this.#stumble(crash)
      } catch (error) {
        if (this.#isOver) return
        this.#stumble(error)
      }
      await new Promise(resolve => setTimeout(resolve, longestRetryMs))
    }
  }

  /** Ends the subscription where only a person can help; anything else is waited for. */
  #stumble(error: unknown): void {
    const failure = this.#parts.failureOf(error)
    if (failure.code === 'BUS_REFUSED') this.fault(failure)
    else this.#parts.troubled(failure)
  }

  /** One consumer from its first join to the crash that it does not come back from by itself. */
  async #consume(joined: () => void): Promise<unknown> {
    const { options, makeConsumer, failureOf } = this.#parts
    const consumer = makeConsumer(async error => failureOf(error).code !== 'BUS_REFUSED' && !this.#isOver)
    this.#consumer = consumer
    const crashed = Promise.withResolvers<unknown>()
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (payload.restart) this.#parts.troubled(payload.error)
      else crashed.resolve(payload.error)
    })
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#parts.recovered()
      this.#member.assign(
        Object.entries(payload.memberAssignment).flatMap(([wireName, partitions]) => {
          const topic = this.#topicOf.get(wireName)
          return topic === undefined ? [] : partitions.map(partition => ({ group: options.group, topic, partition }))
        }),
      )
      joined()
    })
    try {
      await consumer.connect()
      await consumer.subscribe({ topics: [...this.#topicOf.keys()], fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch, resolveOffset }) => {
          const topic = this.#topicOf.get(batch.topic)
          if (topic === undefined) return
          const messages = batch.messages.map(message => logMessage(topic, batch.partition, message as WireMessage))
          const taken = this.#member.receive(topic, batch.partition, messages)
          const last = batch.messages[taken - 1]
          if (last !== undefined) resolveOffset(last.offset)
        },
      })
      return await Promise.race([crashed.promise, this.ended])
    } finally {
      await consumer.disconnect().catch(() => undefined)
    }
  }
}
