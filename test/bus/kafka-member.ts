/** A consumer in a process of its own, for tests that kill, stop and continue it. It writes a line for every handler that begins or ends. */
import { appendFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { KafkaBus } from '../../bus/kafka.ts'
import { StateDeliveryNotes } from '../../src/state/delivery-notes.ts'
import { RedisStateStore } from '../../src/state/redis.ts'

interface Orders {
  readonly name: string
  readonly brokers: readonly string[]
  readonly prefix: string
  /** Address of Redis. */
  readonly state: string
  readonly journal: string
  readonly sessionTimeoutMs: number
  /** How long a handler takes. */
  readonly workMs: number
}

const { name, brokers, prefix, state, journal, sessionTimeoutMs, workMs } = JSON.parse(process.argv[2]!) as Orders
const store = new RedisStateStore({ url: state, prefix })
const notes = new StateDeliveryNotes(store, { ttlMs: 3_600_000 })
const bus = new KafkaBus({
  brokers,
  notes,
  prefix,
  partitions: 4,
  sessionTimeoutMs,
  rebalanceTimeoutMs: 3_000,
  fetchWaitMs: 50,
})
const say = (what: string, key: string, value: Uint8Array, attempt: number) =>
  appendFileSync(journal, `${what} ${name} ${key} ${Buffer.from(value).toString()} ${attempt}\n`)

await bus.subscribe({
  group: 'readers',
  topics: ['numbers'],
  handler: async ({ key, value, attempt }) => {
    say('begin', key, value, attempt)
    await delay(workMs)
    say('end', key, value, attempt)
    return { kind: 'done' }
  },
})
process.stdout.write('ready\n')
process.on(
  'SIGTERM',
  () =>
    void bus
      .close()
      .then(() => store.close())
      .then(() => process.exit(0)),
)
