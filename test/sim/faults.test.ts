import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { untilIdle } from '../../bus/bus.ts'
import { LocalBus } from '../../bus/local.ts'
import { message, until } from '../conformance/bus-handles.ts'
import { withStore } from '../state/folder.ts'
import { Crash, faultyBus, faultyStore, Life } from './faults.ts'
import { seeded } from './random.ts'

const write = { writes: [{ put: 'a', value: new Uint8Array([1]) }] }

async function withBus(body: (bus: LocalBus) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'aiworkflow-sim-'))
  const bus = new LocalBus({ path: join(folder, 'bus.db'), heartbeatMs: 20, pollMs: 5 })
  await body(bus)
  await bus.close()
  await rm(folder, { recursive: true })
}

describe('simulated faults', () => {
  test('the same seed gives the same numbers, another seed others', () => {
    const draw = (seed: number) => {
      const random = seeded(seed)
      return Array.from({ length: 20 }, () => random.next())
    }
    expect(draw(7)).toEqual(draw(7))
    expect(draw(7)).not.toEqual(draw(8))
    expect(draw(7).every(number => number >= 0 && number < 1)).toBe(true)
  })

  test('store: a crash before a transaction writes nothing, one after it has written, and nothing works any more', async () => {
    for (const [crashAt, written] of [
      [1, false],
      [2, true],
    ] as const) {
      await withStore(async ({ store }) => {
        const crashes: Crash[] = []
        const life = new Life(crash => crashes.push(crash))
        const faulty = faultyStore(store, seeded(1), { crashAt, life })
        await expect(faulty.transact(write)).rejects.toBeInstanceOf(Crash)
        await expect(faulty.get('a')).rejects.toBeInstanceOf(Crash)
        expect(crashes.length).toBe(1)
        expect((await store.get('a')) !== undefined).toBe(written)
      })
    }
  })

  test('store: without a crash everything works and awaits are counted, two per call', async () => {
    await withStore(async ({ store }) => {
      const faulty = faultyStore(store, seeded(1), {})
      await faulty.transact(write)
      expect(await faulty.get('a')).toBeDefined()
      expect(faulty.awaits).toBe(4)
    })
  })

  test('bus: lost acknowledgements and duplicates deliver again with the same id, and order per key survives', async () => {
    await withBus(async bus => {
      const faulty = faultyBus(bus, seeded(3), { loseAcknowledgement: 0.3, duplicate: 0.3, delay: 0.3 })
      const seen: string[] = []
      await faulty.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async ({ headers }) => {
          seen.push(headers.ce_id!)
          return { kind: 'done' }
        },
      })
      const ids = Array.from({ length: 30 }, (_, number) => String(number + 100))
      await faulty.publish(ids.map(id => message('a', id)))
      await untilIdle(faulty)
      expect(seen.length).toBeGreaterThan(ids.length)
      expect([...new Set(seen)]).toEqual(ids.map(id => `numbers/a/${id}`))
      expect(seen).toEqual([...seen].sort())
    })
  })

  test('store: a busy one says so and has done nothing', async () => {
    await withStore(async ({ store }) => {
      const faulty = faultyStore(store, seeded(1), { busy: 1 })
      await expect(faulty.transact(write)).rejects.toMatchObject({ code: 'STATE_BUSY' })
      expect(await store.get('a')).toBeUndefined()
    })
  })

  test('bus: publishing that fails in passing may have sent the messages all the same', async () => {
    await withBus(async bus => {
      const faulty = faultyBus(bus, seeded(3), { refuse: 0.5 })
      await bus.subscribe({ group: 'g', topics: ['numbers'], handler: () => new Promise(() => {}) })
      const ids = Array.from({ length: 30 }, (_, number) => String(number))
      const tries = await Promise.allSettled(ids.map(id => faulty.publish([message('a', id)])))
      const accepted = tries.filter(({ status }) => status === 'fulfilled').length
      const sent = (await bus.lag('g')).reduce((sum, { messages }) => sum + messages, 0)
      expect(accepted).toBeLessThan(sent)
      expect(sent).toBeLessThan(ids.length)
    })
  })

  test('bus: a late duplicate comes behind messages that were published after it', async () => {
    await withBus(async bus => {
      const faulty = faultyBus(bus, seeded(3), { lateDuplicate: 0.5 })
      const seen: string[] = []
      await faulty.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async ({ headers }) => {
          seen.push(headers.ce_id!)
          return { kind: 'done' }
        },
      })
      const ids = Array.from({ length: 30 }, (_, number) => String(number + 100))
      for (const id of ids) await faulty.publish([message('a', id)])
      await untilIdle(faulty)
      expect([...new Set(seen)]).toEqual(ids.map(id => `numbers/a/${id}`))
      expect(seen).not.toEqual([...seen].sort())
    })
  })

  test('bus and store share a life: when one dies the other does nothing more', async () => {
    await withBus(async bus => {
      await withStore(async ({ store }) => {
        const life = new Life()
        const faulty = faultyBus(bus, seeded(1), { life })
        await faulty.publish([message('a', '1')])
        await expect(faultyStore(store, seeded(1), { crashAt: 1, life }).get('a')).rejects.toBeInstanceOf(Crash)
        await expect(faulty.publish([message('a', '2')])).rejects.toBe(life.crash)
      })
    })
  })

  test('bus: a handler that sees a crash never settles, and its message is not acknowledged', async () => {
    await withBus(async bus => {
      const faulty = faultyBus(bus, seeded(1), {})
      let died = false
      await bus.publish([message('a', '1')])
      await faulty.subscribe({
        group: 'g',
        topics: ['numbers'],
        handler: async () => {
          died = true
          throw new Crash('here')
        },
      })
      await until(() => died)
      expect((await bus.lag('g'))[0]?.messages).toBe(1)
      expect(await bus.deadLetters()).toEqual([])
    })
  })
})
