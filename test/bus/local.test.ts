import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import type { HandlerOutcome, ReceivedMessage } from '../../bus/bus.ts'
import { LocalBus, type LocalBusOptions } from '../../bus/local.ts'
import { busConformance } from '../conformance/bus.ts'
import { bodyOf, keys, message, pause, until } from '../conformance/bus-handles.ts'

const quick = { heartbeatMs: 20, pollMs: 5 }

async function inFolder(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-bus-'))
  try {
    await body(join(folder, 'bus.db'))
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function withBus(options: Partial<LocalBusOptions>, body: (bus: LocalBus) => Promise<void>): Promise<void> {
  await inFolder(async path => {
    const bus = new LocalBus({ ...quick, path, ...options })
    try {
      await body(bus)
    } finally {
      await bus.close()
    }
  })
}

busConformance('local', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-bus-'))
  return {
    open: async () => new LocalBus({ ...quick, path: join(folder, 'bus.db') }),
    kill: async bus => bus.abandon(),
    dispose: () => rm(folder, { recursive: true }),
  }
})

describe('local bus', () => {
  test('a batch with one message that is too large publishes none of them', async () => {
    await withBus({ maxMessageBytes: 10 }, async bus => {
      await expect(bus.publish([message('a', '1'), message('a', '12345678901')])).rejects.toMatchObject({
        code: 'MESSAGE_TOO_LARGE',
      })
      let delivered = 0
      await bus.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async () => {
          delivered += 1
          return { kind: 'done' }
        },
      })
      await bus.publish([message('b', '2')])
      await until(() => bus.idle())
      expect(delivered).toBe(1)
    })
  })

  test('a process that is killed while it handles a message: another takes over at once, not after the lease', async () => {
    await inFolder(async path => {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'stuck-consumer.ts'), path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await once(child.stdout, 'data')
      child.kill('SIGKILL')
      await once(child, 'exit')
      // The lease of the killed process is an hour long: only recognising its death can hand the message over.
      const bus = new LocalBus({ ...quick, path, leaseMs: 3_600_000 })
      const attempts: number[] = []
      await bus.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async ({ attempt }) => {
          attempts.push(attempt)
          return { kind: 'done' }
        },
      })
      await until(() => bus.idle())
      expect(attempts).toEqual([2])
      await bus.close()
    })
  })

  test('a consumer whose lease ran out while its handler ran is fenced: what it says afterwards is not recorded', async () => {
    await inFolder(async path => {
      const [stalled, successor] = [
        new LocalBus({ path, leaseMs: 30, heartbeatMs: 3_600_000, pollMs: 5 }),
        new LocalBus({ path, ...quick }),
      ]
      const handlers: PromiseWithResolvers<HandlerOutcome>[] = []
      const handler = () => {
        const running = Promise.withResolvers<HandlerOutcome>()
        handlers.push(running)
        return running.promise
      }
      const subscription = { group: 'g', topics: ['numbers'], handler }
      await stalled.publish([message('a', '1')])
      await stalled.subscribe(subscription)
      await until(() => handlers.length === 1)
      await successor.subscribe(subscription)
      await until(() => handlers.length === 2)
      handlers[0]!.resolve({ kind: 'done' })
      await pause(20)
      expect((await successor.lag('g'))[0]?.messages).toBe(1)
      handlers[1]!.resolve({ kind: 'done' })
      await until(async () => (await successor.lag('g')).length === 0)
      await stalled.close()
      await successor.close()
    })
  })

  test('consumers that join and leave while handlers run: no key runs twice at once, its order stays, nothing comes twice', async () => {
    await inFolder(async path => {
      const buses = [1, 2, 3].map(() => new LocalBus({ path, ...quick }))
      const running = new Set<string>()
      const seen = new Map<string, string[]>(keys.map(key => [key, []]))
      let overlaps = 0
      const handler = async ({ key, value }: ReceivedMessage): Promise<HandlerOutcome> => {
        if (running.has(key)) overlaps += 1
        running.add(key)
        await pause(3)
        seen.get(key)!.push(bodyOf({ value }))
        running.delete(key)
        return { kind: 'done' }
      }
      const join = (bus: LocalBus) => bus.subscribe({ group: 'g', topics: ['numbers'], handler })
      const numbers = Array.from({ length: 60 }, (_, number) => String(number))
      await buses[0]!.publish(numbers.flatMap(number => keys.map(key => message(key, number))))
      const first = await join(buses[0]!)
      for (const bus of buses.slice(1)) {
        await pause(30)
        await join(bus)
      }
      await pause(50)
      expect(await first.drain(10_000)).toEqual({ kind: 'drained' })
      await until(() => buses[1]!.idle())
      expect(overlaps).toBe(0)
      for (const key of keys) expect(seen.get(key)).toEqual(numbers)
      for (const bus of buses) await bus.close()
    })
  })

  test('draining right after publishing starts nothing new', async () => {
    await withBus({}, async bus => {
      let started = 0
      const subscription = await bus.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async () => {
          started += 1
          return { kind: 'done' }
        },
      })
      await bus.publish([message('a', '1')])
      expect(await subscription.drain(1_000)).toEqual({ kind: 'drained' })
      await pause(20)
      expect(started).toBe(0)
    })
  })

  test('a fault of the database ends the subscription and says so', async () => {
    await inFolder(async path => {
      const bus = new LocalBus({ ...quick, path })
      const handler = async (): Promise<HandlerOutcome> => ({ kind: 'done' })
      const subscription = await bus.subscribe({ group: 'g', topics: ['numbers'], handler })
      const vandal = new DatabaseSync(path)
      vandal.exec('DROP TABLE deliveries')
      vandal.close()
      await bus.publish([message('a', '1')])
      await expect(subscription.ended).rejects.toThrow('deliveries')
      await bus.close()
    })
  })

  test('a delay outlives a restart: the message is still held, and its attempts are still counted', async () => {
    await inFolder(async path => {
      const first = new LocalBus({ ...quick, path })
      let attempts = 0
      await first.publish([message('a', '1')])
      await first.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async () => {
          attempts += 1
          return { kind: 'retry', afterMs: 60_000, reason: 'later' }
        },
      })
      await until(() => attempts === 1)
      first.abandon()
      const second = new LocalBus({ ...quick, path })
      const seen: string[] = []
      await second.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async ({ key }) => {
          seen.push(key)
          return { kind: 'done' }
        },
      })
      await second.publish([message('a', '2'), message('b', '1')])
      await until(async () => (await second.lag('g')).reduce((sum, { messages }) => sum + messages, 0) === 2)
      expect(seen).toEqual(['b'])
      await second.close()
    })
  })

  test('messages finished above a held one are not delivered again after a crash', async () => {
    await inFolder(async path => {
      const first = new LocalBus({ ...quick, path, partitions: 1 })
      await first.publish([message('held', '1'), message('a', '1'), message('b', '1')])
      await first.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async ({ key }) => (key === 'held' ? new Promise(() => {}) : { kind: 'done' }),
      })
      await until(async () => (await first.lag('g'))[0]?.messages === 1)
      first.abandon()
      const second = new LocalBus({ ...quick, path })
      const seen: string[] = []
      await second.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async ({ key }) => {
          seen.push(key)
          return { kind: 'done' }
        },
      })
      await until(() => second.idle())
      expect(seen).toEqual(['held'])
      await second.close()
    })
  })

  test('past the retention only messages are removed that every group has acknowledged or that have no reader', async () => {
    await withBus({ retentionMs: -1_000 }, async bus => {
      let held = false
      await bus.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async ({ key }) => {
          held ||= key === 'held'
          return key === 'held' ? { kind: 'retry', afterMs: 60_000, reason: 'later' } : { kind: 'done' }
        },
      })
      await bus.publish([message('a', '1'), message('a', '1', 'unread')])
      await until(() => bus.idle())
      await bus.publish([message('held', '1')])
      await until(() => held)
      expect(bus.prune()).toBe(2)
      expect(bus.prune()).toBe(0)
      expect((await bus.lag('g')).length).toBe(1)
    })
  })
})
