/** The store over a server and a network that fail. */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { RedisStateStore } from '../../src/state/redis.ts'
import type { StateStore } from '../../src/state/store.ts'
import { bytes, text } from '../conformance/state.ts'
import { keeps } from '../promises.ts'
import { startProxy } from '../rig/proxy.ts'
import { type RigRedis, startRedis } from '../rig/redis.ts'

let redis: RigRedis
beforeAll(async () => {
  // Synced with every write: what is acknowledged has to be there after a kill.
  redis = await startRedis({ appendfsync: 'always' })
})
afterAll(() => redis?.stop())

/** Adds one to a counter, by what was read: again until it is committed, as every writer of the product does. */
async function addOne(store: StateStore, key: string): Promise<void> {
  while (true) {
    const entry = await store.get(key)
    const check = entry ? { key, version: entry.version } : { key, absent: true as const }
    const value = bytes(String(Number(text(entry?.value) ?? 0) + 1))
    const { kind } = await store.transact({ checks: [check], writes: [{ put: key, value }] })
    if (kind === 'committed') return
  }
}

describe('redis that fails', () => {
  keeps('P1', 'P2')('restarted with its file among transactions of many: none is lost, none made twice', async () => {
    const prefix = randomUUID()
    const stores = Array.from({ length: 4 }, () => new RedisStateStore({ url: redis.url, prefix, patienceMs: 60_000 }))
    const steps = 150
    let working = true
    const work = Promise.all(
      stores.map(async store => {
        for (let step = 0; step < steps; step += 1) await addOne(store, 'count')
      }),
    ).finally(() => {
      working = false
    })
    let restarts = 0
    while (working && restarts < 3) {
      await delay(60)
      await redis.restart({ downMs: 200 })
      restarts += 1
    }
    await work
    expect(text((await stores[0]!.get('count'))?.value)).toBe(String(stores.length * steps))
    expect(restarts).toBeGreaterThan(0)
    for (const store of stores) await store.close()
  })

  keeps('P2', 'P4')(
    'an answer that is lost on the way: the change was made once, and its answer is what it would have been',
    async () => {
      const proxy = await startProxy(redis.port)
      const url = `redis://:${redis.password}@127.0.0.1:${proxy.port}`
      const store = new RedisStateStore({ url, prefix: randomUUID() })
      await store.get('warm')

      const before = proxy.cuts
      proxy.cutAnswers(1)
      const put = await store.transact({
        checks: [{ key: 'a', absent: true }],
        writes: [{ put: 'a', value: bytes('1') }],
      })
      expect(proxy.cuts).toBe(before + 1)
      expect(put.kind).toBe('committed')
      expect((await store.get('a'))?.version).toBe(put.kind === 'committed' ? put.version : -1)

      proxy.cutAnswers(1)
      const again = await store.transact({ checks: [{ key: 'a', absent: true }], writes: [] })
      expect(again).toEqual({ kind: 'conflict', key: 'a' })

      proxy.cutAnswers(1)
      const lease = await store.acquireLease('l', 'me', 60_000)
      expect(lease).toBeDefined()
      expect(await store.acquireLease('l', 'me', 60_000)).toBeUndefined()
      expect(await store.renewLease({ name: 'l', token: lease!.token }, 60_000)).toBe(true)
      await store.close()
      await proxy.close()
    },
  )

  keeps('P2', 'P3')('a server that stands still for longer than a lease: its holder is fenced afterwards', async () => {
    const store = new RedisStateStore({ url: redis.url, prefix: randomUUID() })
    const held = (await store.acquireLease('l', 'one', 500))!
    redis.pause()
    const late = store.transact({
      checks: [{ lease: { name: 'l', token: held.token } }],
      writes: [{ put: 'a', value: bytes('late') }],
    })
    await delay(800)
    redis.resume()
    expect(await late).toEqual({ kind: 'fenced', lease: 'l' })
    expect(await store.get('a')).toBeUndefined()
    expect((await store.acquireLease('l', 'two', 500))?.token).toBeGreaterThan(held.token)
    await store.close()
  })

  keeps('P3')('a server that is away is waited for, said once when it goes and once when it is back', async () => {
    const said: string[] = []
    const store = new RedisStateStore({ url: redis.url, prefix: randomUUID(), onTrouble: text => said.push(text) })
    await store.get('a')
    const back = redis.restart({ downMs: 1_500 })
    await delay(100)
    await Promise.all([store.get('a'), store.get('b'), store.transact({ writes: [{ put: 'c', value: bytes('1') }] })])
    await back
    expect(text((await store.get('c'))?.value)).toBe('1')
    expect(said).toEqual([expect.stringContaining('does not answer'), expect.stringContaining('answers again')])
    await store.close()
  })
})
