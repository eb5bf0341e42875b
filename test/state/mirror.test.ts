import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MirrorStore } from '../../src/state/mirror.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import type { StateStore } from '../../src/state/store.ts'
import { bytes, text } from '../conformance/state.ts'
import { butFor } from '../sim/but-for.ts'

const open = () => new SqliteStateStore({ path: ':memory:' })
const put = (store: StateStore, key: string, value = key) =>
  store.transact({ writes: [{ put: key, value: bytes(value) }] })
const read = async (store: StateStore, key: string) => text((await store.get(key))?.value)

/** A store that counts what is asked of it. */
function counted(store: StateStore) {
  const reads: string[] = []
  const counting = (name: 'get' | 'getMany' | 'scan') => {
    const method = store[name].bind(store) as (...given: never[]) => Promise<never>
    return (...given: never[]) => {
      reads.push(name)
      return method(...given)
    }
  }
  const parts = { get: counting('get'), getMany: counting('getMany'), scan: counting('scan') }
  return { reads, store: butFor(store, parts as Partial<StateStore>) }
}

describe('a mirror of a store', () => {
  test('what lies below a remembered prefix is read once, whatever is written through it', async () => {
    const { reads, store } = counted(open())
    await put(store, 'head/t/')
    const mirror = new MirrorStore(store)
    await mirror.remember(['head/t/', 'blob/t/'])
    reads.length = 0
    await put(mirror, 'blob/t/b')
    await put(mirror, 'blob/t/a')
    expect(await read(mirror, 'head/t/')).toBe('head/t/')
    expect((await mirror.scan({ prefix: 'blob/t/' })).map(({ key }) => key)).toEqual(['blob/t/a', 'blob/t/b'])
    expect(await mirror.getMany(['blob/t/a', 'blob/t/none'])).toMatchObject([{ key: 'blob/t/a' }, undefined])
    expect(reads).toEqual([])
    expect(await read(mirror, 'head/other/')).toBeUndefined()
    expect(reads).toEqual(['get'])
  })

  test('what another writes is seen after a conflict, and after it was forgotten', async () => {
    const store = open()
    await put(store, 'head/t/', 'mine')
    const mirror = new MirrorStore(store)
    await mirror.remember(['head/t/'])
    const seen = await mirror.get('head/t/')
    await put(store, 'head/t/', 'theirs')
    expect(await read(mirror, 'head/t/')).toBe('mine')
    const checks = [{ key: 'head/t/', version: seen?.version ?? 0 }]
    expect(await mirror.transact({ checks, writes: [{ delete: 'head/t/' }] })).toMatchObject({ kind: 'conflict' })
    expect(await read(mirror, 'head/t/')).toBe('theirs')

    await mirror.remember(['head/t/'])
    await put(store, 'head/t/', 'theirs again')
    mirror.forget(['head/t/'])
    expect(await read(mirror, 'head/t/')).toBe('theirs again')
  })

  test('a write that was made and never answered is not missed', async () => {
    const store = open()
    let silent = true
    const mute = butFor(store, {
      transact: async transaction => {
        const result = await store.transact(transaction)
        if (silent) throw new Error('the line is cut')
        return result
      },
    })
    const mirror = new MirrorStore(mute)
    await mirror.remember(['head/t/'])
    await expect(put(mirror, 'head/t/')).rejects.toThrow('cut')
    silent = false
    expect(await read(mirror, 'head/t/')).toBe('head/t/')
  })

  test('for a single writer it answers what the store would', async () => {
    const key = fc.constantFrom('head/t/', 'head/t/n', 'blob/t/a', 'blob/t/é', 'blob/t/z', 'blob/u/a', 'other')
    const prefix = fc.constantFrom('head/t/', 'blob/t/', 'blob/u/')
    const command = fc.oneof(
      fc.record({ kind: fc.constant('put' as const), key, value: fc.string({ maxLength: 3 }) }),
      fc.record({ kind: fc.constant('delete' as const), key }),
      fc.record({ kind: fc.constant('remember' as const), prefix }),
      fc.record({ kind: fc.constant('forget' as const), prefix }),
      fc.record({ kind: fc.constant('get' as const), key }),
      fc.record({
        kind: fc.constant('scan' as const),
        prefix,
        after: fc.option(key),
        limit: fc.integer({ min: 0, max: 4 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40 }), async commands => {
        const store = open()
        const mirror = new MirrorStore(store)
        for (const asked of commands) {
          if (asked.kind === 'put') await put(mirror, asked.key, asked.value)
          else if (asked.kind === 'delete') await mirror.transact({ writes: [{ delete: asked.key }] })
          else if (asked.kind === 'remember') await mirror.remember([asked.prefix])
          else if (asked.kind === 'forget') mirror.forget([asked.prefix])
          else if (asked.kind === 'get') expect(await read(mirror, asked.key)).toBe(await read(store, asked.key))
          else {
            const { prefix, limit, after } = asked
            const options = { prefix, limit, ...(after !== null && { after }) }
            const plain = (entries: Awaited<ReturnType<StateStore['scan']>>) =>
              entries.map(({ key, value, version }) => [key, text(value), version])
            expect(plain(await mirror.scan(options))).toEqual(plain(await store.scan(options)))
          }
        }
        await store.close()
      }),
    )
  })
})
