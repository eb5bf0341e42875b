import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { KafkaBus, type KafkaBusOptions } from '../../bus/kafka.ts'
import { StateDeliveryNotes } from '../../src/state/delivery-notes.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { busConformance } from '../conformance/bus.ts'
import { done, message, until } from '../conformance/bus-handles.ts'
import { type RigKafka, startKafka } from '../rig/kafka.ts'

let kafka: RigKafka
beforeAll(async () => {
  kafka = await startKafka({ users: { agents: 'a-password' } })
})
afterAll(() => kafka?.stop())

const notesTtlMs = 3_600_000
const quick = { sessionTimeoutMs: 1_500, rebalanceTimeoutMs: 3_000, fetchWaitMs: 50 }

/** Buses on topics and groups of their own, with notes of their own. */
async function place() {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-kafka-bus-'))
  const prefix = `t${randomUUID().slice(0, 8)}.`
  const store = new SqliteStateStore({ path: join(folder, 'state.db') })
  const notes = new StateDeliveryNotes(store, { ttlMs: notesTtlMs })
  return {
    open: (more: Partial<KafkaBusOptions> = {}) =>
      new KafkaBus({ brokers: kafka.brokers, notes, prefix, partitions: 4, ...quick, ...more }),
    dispose: async () => {
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
}

busConformance('kafka', async () => {
  const { open, dispose } = await place()
  return { open: async () => open(), kill: async bus => bus.abandon(), dispose }
})

async function withBus(more: Partial<KafkaBusOptions>, body: (bus: KafkaBus) => Promise<void>): Promise<void> {
  const { open, dispose } = await place()
  const bus = open(more)
  try {
    await body(bus)
  } finally {
    await bus.close()
    await dispose()
  }
}

describe('kafka bus', () => {
  test('a message that is too large is refused before anything is sent', async () => {
    await withBus({ maxMessageBytes: 10 }, async bus => {
      await bus.publish([message('a', '1')])
      await expect(bus.publish([message('a', '2'), message('a', '12345678901')])).rejects.toMatchObject({
        code: 'MESSAGE_TOO_LARGE',
      })
      const bodies: string[] = []
      await bus.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async ({ value }) => {
          bodies.push(Buffer.from(value).toString())
          return done
        },
      })
      await until(() => bus.idle())
      expect(bodies).toEqual(['1'])
    })
  })

  test('a user with the right password takes part over SCRAM, one with a wrong one is told what to mend', async () => {
    const sasl = { mechanism: 'scram-sha-256' as const, username: 'agents', password: 'a-password' }
    await withBus({ brokers: kafka.saslBrokers, sasl }, async bus => {
      await bus.publish([message('a', '1')])
      let seen = 0
      await bus.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async () => {
          seen += 1
          return done
        },
      })
      await until(() => seen === 1)
    })
    await withBus({ brokers: kafka.saslBrokers, sasl: { ...sasl, password: 'wrong' } }, async bus => {
      const failure = await bus.publish([message('a', '1')]).catch(error => error)
      expect(failure).toMatchObject({ code: 'BUS_REFUSED', kind: 'terminal' })
      expect(failure.message).not.toContain('wrong')
    })
  })

  test('a broker that is not there is BUS_UNREACHABLE after the patience, and is said once', async () => {
    const said: string[] = []
    await withBus({ brokers: ['127.0.0.1:1'], patienceMs: 500, onTrouble: text => said.push(text) }, async bus => {
      await expect(bus.publish([message('a', '1')])).rejects.toMatchObject({
        code: 'BUS_UNREACHABLE',
        kind: 'transient',
      })
      await expect(bus.publish([message('a', '1')])).rejects.toMatchObject({ code: 'BUS_UNREACHABLE' })
    })
    expect(said.length).toBeLessThanOrEqual(1)
  })

  test('topics get the partitions that are asked for, and one that is there keeps its own', async () => {
    const { open, dispose } = await place()
    const [three, five] = [open({ partitions: 3 }), open({ partitions: 5 })]
    const partitionsOf = async (bus: KafkaBus) => {
      const seen = new Set<number>()
      let count = 0
      await bus.subscribe({
        group: `g-${randomUUID()}`,
        topics: ['numbers'],
        handler: async ({ partition }) => {
          seen.add(partition)
          count += 1
          return done
        },
      })
      await until(() => count === 60)
      return seen.size
    }
    await three.publish(Array.from({ length: 60 }, (_, at) => message(`feed-${at}`, '1')))
    expect(await partitionsOf(three)).toBe(3)
    expect(await partitionsOf(five)).toBe(3)
    await three.close()
    await five.close()
    await dispose()
  })
})
