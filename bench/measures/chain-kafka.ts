import { randomUUID } from 'node:crypto'
import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { KafkaBus } from '../../bus/kafka.ts'
import { StateDeliveryNotes } from '../../src/state/delivery-notes.ts'
import { RedisStateStore } from '../../src/state/redis.ts'
import { startServers } from '../../test/rig/fleet.ts'
import { type Benchmark, quantile, rounded, timed } from '../measure.ts'
import { startAgents } from '../rig.ts'

const samples = 200
const warmUp = 30
const hops = ['one', 'two', 'three', 'four']
const fetchWaitMs = 100

/** How long a delivery takes through the four agents over Kafka and Redis when their tools do nothing, against bare messages. */
export const chainKafka: Benchmark = {
  name: 'chain.kafka',
  async run(tell) {
    const servers = await startServers()
    try {
      const bare = await bareRelay(servers.kafka.brokers)
      tell(`bare relay: ${bare.length} samples`)
      const agents = await throughAgents(servers.kafka.brokers, servers.redis.url)
      tell(`four agents: ${agents.length} samples`)
      return [0.5, 0.99].map(q => ({
        name: `chain.kafka.p${q * 100}`,
        value: rounded(quantile(agents, q)),
        unit: 'ms',
        against: `four hops of bare kafkajs, ${rounded(quantile(bare, q))} ms`,
        ratio: rounded(quantile(agents, q) / quantile(bare, q)),
        note: `One message after the other, from the first send to the last agent's effect: four topics, four turns with every checkpoint, ledger entry and note in Redis (append-only file synced with every write) and every span in the journal; the tools answer at once, in memory. Both sides wait for all replicas, of which there is one, and run in one process on the broker's machine. Left out: the work of real tools, several processes, a network. ${samples} samples each after ${warmUp} that do not count.`,
      }))
    } finally {
      await servers.stop()
    }
  },
}

async function throughAgents(brokers: readonly string[], url: string): Promise<number[]> {
  const prefix = `bench-${randomUUID().slice(0, 8)}`
  const store = new RedisStateStore({ url, prefix })
  const notes = new StateDeliveryNotes(store, { ttlMs: 3_600_000 })
  const bus = new KafkaBus({ brokers, notes, prefix: `${prefix}.`, partitions: 4, fetchWaitMs })
  const agents = await startAgents(store, bus)
  try {
    const times: number[] = []
    for (let number = 0; number < warmUp + samples; number += 1) times.push(await timed(() => agents.run(number)))
    return times.slice(warmUp)
  } finally {
    await agents.close()
    await bus.close()
    await store.close()
  }
}

/** The same way of a message with nothing done at any stop: read, and sent on. */
async function bareRelay(brokers: readonly string[]): Promise<number[]> {
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING })
  const prefix = `bare-${randomUUID().slice(0, 8)}`
  const topics = hops.map(hop => `${prefix}.${hop}`)
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ waitForLeaders: true, topics: topics.map(topic => ({ topic, numPartitions: 4 })) })
  const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  let arrived: () => void = () => {}
  const consumers = await Promise.all(
    topics.map(async (topic, at) => {
      const consumer = kafka.consumer({ groupId: `${prefix}.${at}`, maxWaitTimeInMs: fetchWaitMs })
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      const joined = new Promise<void>(resolve => consumer.on(consumer.events.GROUP_JOIN, () => resolve()))
      await consumer.run({
        eachMessage: async ({ message: { key, value } }) => {
          const next = topics[at + 1]
          if (next === undefined) arrived()
          else await producer.send({ topic: next, acks: -1, messages: [{ key, value }] })
        },
      })
      await joined
      return consumer
    }),
  )
  try {
    const times: number[] = []
    for (let number = 0; number < warmUp + samples; number += 1) {
      const messages = [{ key: `feed-${number % 16}`, value: JSON.stringify({ number, text: 'x'.repeat(1_000) }) }]
      const done = new Promise<void>(resolve => {
        arrived = resolve
      })
      times.push(
        await timed(async () => {
          await producer.send({ topic: topics[0]!, acks: -1, messages })
          await done
        }),
      )
    }
    return times.slice(warmUp)
  } finally {
    await Promise.all(consumers.map(consumer => consumer.disconnect()))
    await producer.disconnect()
    await admin.disconnect()
  }
}
