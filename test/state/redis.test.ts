import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RedisStateStore, type RedisStateStoreOptions } from '../../src/state/redis.ts'
import { scanAll } from '../../src/state/store.ts'
import { bytes, stateStoreConformance, text } from '../conformance/state.ts'
import { type RigRedis, startRedis } from '../rig/redis.ts'

let redis: RigRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis?.stop())

const openStore = (more: Partial<RedisStateStoreOptions> = {}) =>
  new RedisStateStore({ url: redis.url, prefix: `test-${randomUUID()}`, ...more })

stateStoreConformance('redis', async () => {
  const prefix = `test-${randomUUID()}`
  return {
    open: async () => openStore({ prefix }),
    passTime: ms => new Promise(resolve => setTimeout(resolve, ms + 2)),
    dispose: async () => {},
  }
})

describe('redis state store', () => {
  test('processes that count up in it at the same time lose no step', async () => {
    const prefix = `test-${randomUUID()}`
    const children = Array.from({ length: 3 }, () =>
      spawn(process.execPath, [join(import.meta.dirname, 'count-up.ts'), redis.url, '50', prefix], {
        stdio: 'inherit',
      }),
    )
    const exits = await Promise.all(children.map(child => once(child, 'exit')))
    expect(exits.map(([code]) => code)).toEqual([0, 0, 0])
    const store = openStore({ prefix })
    expect(text((await store.get('count'))?.value)).toBe('150')
    await store.close()
  })

  test('two workspaces on one server see nothing of each other', async () => {
    const [one, other] = [openStore(), openStore()]
    await one.transact({ writes: [{ put: 'a', value: bytes('1') }] })
    expect(await other.get('a')).toBeUndefined()
    expect(await other.scan({ prefix: '' })).toEqual([])
    await one.close()
    await other.close()
  })

  test('a thousand writes are one transaction, and are scanned page by page in order', async () => {
    const store = openStore()
    const writes = Array.from({ length: 1_000 }, (_, at) => ({
      put: `k/${String(at).padStart(4, '0')}`,
      value: bytes('x'),
    }))
    const result = await store.transact({ writes })
    expect(result.kind).toBe('committed')
    const found = []
    for await (const { key, version } of scanAll(store, 'k/')) found.push([key, version])
    expect(found).toEqual(writes.map(({ put }) => [put, result.kind === 'committed' ? result.version : 0]))
    await store.close()
  })

  test('keys that have run out by the page are passed over, and sweep takes no more than its limit', async () => {
    const store = openStore()
    const writes = Array.from({ length: 50 }, (_, at) => ({ put: `k${at}`, value: bytes('x'), ttlMs: 10 }))
    await store.transact({ writes: [...writes, { put: 'k99', value: bytes('stays') }] })
    await new Promise(resolve => setTimeout(resolve, 30))
    expect((await store.scan({ prefix: 'k', limit: 1 })).map(({ key }) => key)).toEqual(['k99'])
    expect(await store.sweep(20)).toBe(20)
    expect(await store.sweep()).toBe(30)
    expect(await store.sweep()).toBe(0)
    await store.close()
  })

  test('a wrong password is said as a setting to mend, at once', async () => {
    const wrong = openStore({ url: `redis://:wrong@127.0.0.1:${redis.port}` })
    await expect(wrong.get('a')).rejects.toMatchObject({
      code: 'SETTING_INVALID',
      wayOut: expect.stringContaining('AIWORKFLOW_REDIS_PASSWORD'),
    })
    await wrong.close()
    const none = openStore({ url: `redis://127.0.0.1:${redis.port}` })
    await expect(none.get('a')).rejects.toMatchObject({ code: 'SETTING_INVALID' })
    await none.close()
    const apart = openStore({ url: `redis://127.0.0.1:${redis.port}`, password: redis.password })
    expect(await apart.get('a')).toBeUndefined()
    await apart.close()
  })

  test('a server that is not there is STATE_BUSY after the patience, and no word of the password', async () => {
    const store = openStore({ url: 'redis://:hush@127.0.0.1:1', patienceMs: 300 })
    const failure = await store.get('a').catch(error => error)
    expect(failure).toMatchObject({ code: 'STATE_BUSY', kind: 'transient' })
    expect(`${failure.message} ${failure.wayOut}`).not.toContain('hush')
    await store.close()
  })

  test('settings that keep no promise are warned of, good ones are not', async () => {
    const good = openStore()
    expect(await good.durabilityWarnings()).toEqual([])
    await good.close()
    const careless = await startRedis({ appendonly: 'no', 'maxmemory-policy': 'allkeys-lru' })
    const store = openStore({ url: careless.url })
    expect(await store.durabilityWarnings()).toEqual([
      expect.stringContaining('appendonly off'),
      expect.stringContaining('maxmemory-policy allkeys-lru'),
    ])
    await store.close()
    await careless.stop()
  })
})
