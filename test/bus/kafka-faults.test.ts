/** The bus over brokers and members that fail, as processes of their own. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { KafkaBus } from '../../bus/kafka.ts'
import { StateDeliveryNotes } from '../../src/state/delivery-notes.ts'
import { RedisStateStore } from '../../src/state/redis.ts'
import { done, message, until } from '../conformance/bus-handles.ts'
import { keeps } from '../promises.ts'
import { type RigKafka, startKafka } from '../rig/kafka.ts'
import { type RigServer, startServer } from '../rig/process.ts'
import { type RigRedis, startRedis } from '../rig/redis.ts'

let kafka: RigKafka
let redis: RigRedis
beforeAll(async () => {
  ;[kafka, redis] = await Promise.all([startKafka(), startRedis()])
})
afterAll(() => Promise.all([kafka?.stop(), redis?.stop()]))

const sessionTimeoutMs = 2_000
const feeds = Array.from({ length: 12 }, (_, at) => `feed-${at}`)
const patienceMs = 120_000

interface Line {
  readonly what: string
  readonly who: string
  readonly key: string
  readonly body: string
}

/** A topic of its own, with members to start and what they have journaled. */
async function stage() {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-kafka-faults-'))
  const journal = join(folder, 'journal')
  const prefix = `t${randomUUID().slice(0, 8)}.`
  const store = new RedisStateStore({ url: redis.url, prefix })
  const notes = new StateDeliveryNotes(store, { ttlMs: 3_600_000 })
  const said: string[] = []
  const bus = new KafkaBus({
    brokers: kafka.brokers,
    notes,
    prefix,
    partitions: 4,
    sessionTimeoutMs,
    onTrouble: text => said.push(text),
  })
  const members: RigServer[] = []
  const lines = async (): Promise<Line[]> => {
    const text = await readFile(journal, 'utf8').catch(() => '')
    return text
      .split('\n')
      .filter(line => line !== '')
      .map(line => {
        const [what = '', who = '', key = '', body = ''] = line.split(' ')
        return { what, who, key, body }
      })
  }
  return {
    bus,
    said,
    lines,
    member: async (name: string, workMs = 5) => {
      const orders = { name, brokers: kafka.brokers, prefix, state: redis.url, journal, sessionTimeoutMs, workMs }
      const member = await startServer(name, {
        command: process.execPath,
        arguments: [
          '--disable-warning=ExperimentalWarning',
          join(import.meta.dirname, 'kafka-member.ts'),
          JSON.stringify(orders),
        ],
        isReady: log => log.includes('ready'),
      })
      members.push(member)
      return member
    },
    ended: async (key: string, body: string) =>
      (await lines()).some(line => line.what === 'end' && line.key === key && line.body === body),
    remove: async () => {
      for (const member of members) await member.kill()
      await bus.close()
      await store.close()
      await rm(folder, { recursive: true })
    },
  }
}

/** Every body of every feed that was published, by the order in which their handlers ended; repetitions aside. */
function endings(lines: readonly Line[], key: string): string[] {
  return [...new Set(lines.filter(line => line.what === 'end' && line.key === key).map(({ body }) => body))]
}

const upTo = (count: number) => Array.from({ length: count }, (_, at) => String(at))

describe('kafka that fails', () => {
  keeps('P1', 'P3')(
    'a member is killed at work: its messages go to another, in order',
    async () => {
      const { bus, member, lines, remove } = await stage()
      const victim = await member('victim', 20)
      await member('heir', 20)
      await bus.publish(upTo(20).flatMap(body => feeds.map(key => message(key, body))))
      await until(async () => (await lines()).filter(({ who }) => who === 'victim').length > 20)
      await victim.kill()
      await until(() => bus.lag('readers').then(lag => lag.length === 0))
      const all = await lines()
      for (const key of feeds) expect(endings(all, key)).toEqual(upTo(20))
      await remove()
    },
    patienceMs,
  )

  keeps('P1', 'P3')(
    'a member stands still for longer than its session: others go on, and when it wakes it takes part again',
    async () => {
      const { bus, member, lines, ended, remove } = await stage()
      const sleeper = await member('sleeper', 20)
      await member('other', 20)
      await bus.publish(upTo(10).flatMap(body => feeds.map(key => message(key, body))))
      await until(async () => (await lines()).filter(({ who }) => who === 'sleeper').length > 10)
      sleeper.pause()
      await until(async () => (await Promise.all(feeds.map(key => ended(key, '9')))).every(Boolean))
      sleeper.resume()
      await delay(sessionTimeoutMs)
      await until(async () => {
        const before = (await lines()).filter(({ who }) => who === 'sleeper').length
        await bus.publish(feeds.map(key => message(key, '10')))
        await until(() => bus.lag('readers').then(lag => lag.length === 0))
        return (await lines()).filter(({ who }) => who === 'sleeper').length > before
      })
      const all = await lines()
      for (const key of feeds) expect(endings(all, key)).toEqual(upTo(11))
      await remove()
    },
    patienceMs,
  )

  keeps('P2', 'P3')(
    'a handler that takes three times the session: it is not begun again, and others of its partition do not wait for it',
    async () => {
      const { bus, remove } = await stage()
      const begun: string[] = []
      const { promise: slow, resolve: end } = Promise.withResolvers<void>()
      const handler = (who: string) => async (received: { key: string; value: Uint8Array }) => {
        begun.push(`${who} ${received.key} ${Buffer.from(received.value)}`)
        if (received.key === 'slow') await slow
        return done
      }
      for (const who of ['one', 'two'])
        await bus.subscribe({ group: 'readers', topics: ['numbers'], handler: handler(who) })
      await bus.publish([message('slow', '1'), message('slow', '2')])
      await until(() => begun.some(line => line.includes('slow 1')))
      for (let passed = 0; passed < 3 * sessionTimeoutMs; passed += 500) {
        await bus.publish(feeds.map(key => message(key, String(passed))))
        await delay(500)
      }
      await until(() => feeds.every(key => begun.some(line => line.endsWith(`${key} ${3 * sessionTimeoutMs - 500}`))))
      expect(begun.filter(line => line.includes('slow'))).toHaveLength(1)
      end()
      await until(() => bus.idle())
      expect(begun.filter(line => line.includes('slow')).map(line => line.slice(-1))).toEqual(['1', '2'])
      await remove()
    },
    patienceMs,
  )

  keeps('P1', 'P3')(
    'the broker is restarted among messages: publishing waits, says so, and all of them arrive',
    async () => {
      const { bus, said, remove } = await stage()
      const seen = new Map<string, string[]>()
      await bus.subscribe({
        group: 'readers',
        topics: ['numbers'],
        handler: async ({ key, value }) => {
          seen.set(key, [...(seen.get(key) ?? []), Buffer.from(value).toString()])
          return done
        },
      })
      const count = 60
      const publishing = (async () => {
        for (const body of upTo(count)) {
          await bus.publish(feeds.map(key => message(key, body)))
          await delay(20)
        }
      })()
      await until(() => (seen.get('feed-0')?.length ?? 0) > 5)
      await kafka.restart({ downMs: 1_500, how: 'kill' })
      await publishing
      await until(() => bus.idle())
      for (const key of feeds) expect([...new Set(seen.get(key))]).toEqual(upTo(count))
      expect(said.at(0)).toContain('does not answer')
      expect(said.at(-1)).toContain('answers again')
      await remove()
    },
    patienceMs,
  )

  keeps('P1', 'P3')(
    'the broker stands still for longer than a session: nothing is lost',
    async () => {
      const { bus, member, lines, ended, remove } = await stage()
      await member('one', 10)
      await member('two', 10)
      await bus.publish(upTo(5).flatMap(body => feeds.map(key => message(key, body))))
      await until(async () => (await lines()).length > 10)
      kafka.pause()
      await delay(2 * sessionTimeoutMs)
      kafka.resume()
      await bus.publish(feeds.map(key => message(key, '5')))
      await until(async () => (await Promise.all(feeds.map(key => ended(key, '5')))).every(Boolean))
      const all = await lines()
      for (const key of feeds) expect(endings(all, key)).toEqual(upTo(6))
      await remove()
    },
    patienceMs,
  )
})
