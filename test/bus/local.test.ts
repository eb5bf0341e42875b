import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LocalBus, type LocalBusOptions } from '../../bus/local.ts'
import { busConformance, message, until } from '../conformance/bus.ts'

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
