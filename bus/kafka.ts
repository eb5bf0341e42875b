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
import type { Bus, DeadLetter, OutgoingMessage, PartitionLag, SubscribeOptions, Subscription } from './bus.ts'
import type { DeliveryNotes } from './delivery-notes.ts'
import { maxMessageBytes } from './envelope.ts'
import { kafkaFailure } from './kafka-faults.ts'
import { logMessage, type WireMessage } from './kafka-message.ts'
import { KafkaOffsets } from './kafka-offsets.ts'
import { type GroupReader, KafkaSubscription, type ReaderEvents } from './kafka-subscription.ts'
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
  readonly system = 'kafka'
  readonly #options: KafkaBusOptions & typeof defaults
  readonly #kafka: Kafka
  readonly #subscriptions = new Set<KafkaSubscription>()
  readonly #topics = new Map<string, Promise<void>>()
  #producer: Promise<Producer> | undefined
  #admin: Promise<Admin> | undefined
  readonly #trouble: Trouble
  readonly #offsets: KafkaOffsets
  #closed = false

  constructor(options: KafkaBusOptions) {
    this.#options = Object.freeze({ ...defaults, ...options })
    this.#trouble = new Trouble(options.onTrouble)
    this.#kafka = new Kafka(this.#configuration())
    this.#offsets = new KafkaOffsets({
      notes: options.notes,
      committed: (group, topics) => this.#committed(group, topics),
      ends: topic => this.#patiently(async () => (await this.#openAdmin()).fetchTopicOffsets(this.#wireName(topic))),
      finishedUpTo: (group, topic, partition) =>
        [...this.#subscriptions]
          .filter(subscription => subscription.group === group)
          .map(subscription => subscription.finishedUpTo(topic, partition) ?? -1),
    })
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
    const { sessionTimeoutMs, rebalanceTimeoutMs, readAhead } = this.#options
    const subscription = new KafkaSubscription({
      options: { ...options, topics },
      notes: this.#options.notes,
      timings: { claimMs: sessionTimeoutMs, rebalanceTimeoutMs, readAhead, commitEveryMs },
      pauseMs: longestRetryMs,
      wireName: name => this.#wireName(name),
      makeReader: events => groupReader(this.#makeConsumer(options.group), events),
      failureOf: error => kafkaFailure(error, this.#options.brokers),
      troubled: error => this.#troubled(error),
      recovered: () => this.#recovered(),
      onEnd: () => void this.#subscriptions.delete(subscription),
    })
    this.#subscriptions.add(subscription)
    await subscription.start()
    return subscription
  }

  lag(group: string): Promise<readonly PartitionLag[]> {
    return this.#offsets.lag(group)
  }

  async idle(): Promise<boolean> {
    return this.#offsets.allFinished([...new Set([...this.#subscriptions].map(({ group }) => group))])
  }

  get running(): number {
    return [...this.#subscriptions].reduce((sum, subscription) => sum + subscription.running, 0)
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

  #makeConsumer(group: string): Consumer {
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
        restartOnFailure: async error =>
          kafkaFailure(error, this.#options.brokers).code !== 'BUS_REFUSED' && !this.#closed,
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

  async #committed(group: string, topics: readonly string[]) {
    const wireNames = topics.map(topic => this.#wireName(topic))
    const found = await this.#patiently(async () =>
      (await this.#openAdmin()).fetchOffsets({ groupId: this.#wireName(group), topics: wireNames }),
    )
    return topics.map((topic, at) => ({
      topic,
      partitions: found.find(each => each.topic === wireNames[at])?.partitions ?? [],
    }))
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

/** A consumer of kafkajs as a reader of a group. What it brings is handed over at once, so its fetch loop, and with it its heartbeats, wait for nobody. */
function groupReader(consumer: Consumer, events: ReaderEvents): GroupReader {
  const crashed = Promise.withResolvers<unknown>()
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (payload.restart) events.stumbled(payload.error)
    else crashed.resolve(payload.error)
  })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    events.assigned(
      Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
        partitions.map(partition => ({ topic, partition })),
      ),
    )
  })
  /** A consumer that has stopped meanwhile does not mind; the next one begins with what is assigned to it. */
  const ask = (work: () => void) => {
    try {
      work()
    } catch {
      // Said by kafkajs where a consumer is not running.
    }
  }
  return {
    pause: (topic, partition) => ask(() => consumer.pause([{ topic, partitions: [partition] }])),
    resume: (topic, partition) => ask(() => consumer.resume([{ topic, partitions: [partition] }])),
    seek: (topic, partition, offset) => ask(() => consumer.seek({ topic, partition, offset: String(offset) })),
    commit: offsets =>
      consumer.commitOffsets(
        offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) })),
      ),
    run: async topics => {
      await consumer.connect()
      await consumer.subscribe({ topics: [...topics], fromBeginning: true })
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch: { topic, partition, messages }, resolveOffset }) => {
          const taken = events.read(
            topic,
            partition,
            messages.map(message => logMessage(topic, partition, message as WireMessage)),
          )
          const last = messages[taken - 1]
          if (last !== undefined) resolveOffset(last.offset)
        },
      })
      return crashed.promise
    },
    stop: () => consumer.disconnect().catch(() => undefined),
  }
}
