/**
 * The promises of src/state/store.ts as tests. Every adapter runs them: `stateStoreConformance('sqlite', makeStore)`.
 *
 * The fixture opens any number of handles on one store and lets time pass for them, by a clock of its own or by waiting.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { claimOwner } from '../../bus/owner.ts'
import { type StateStore, scanAll, type TransactResult } from '../../src/state/store.ts'

export interface StateFixture {
  open(): Promise<StateStore>
  passTime(ms: number): Promise<void>
  /** Removes what the fixture made. */
  dispose(): Promise<void>
}

export const bytes = (text: string) => new TextEncoder().encode(text)
export const text = (value: Uint8Array | undefined) =>
  value === undefined ? undefined : new TextDecoder().decode(value)

const second = 1_000

export function stateStoreConformance(name: string, makeFixture: () => Promise<StateFixture>): void {
  describe(`state store ${name}`, () => {
    let fixture: StateFixture
    let store: StateStore
    const opened: StateStore[] = []

    const open = async () => {
      const handle = await fixture.open()
      opened.push(handle)
      return handle
    }
    const put = (key: string, value = key, ttlMs?: number) =>
      store.transact({ writes: [{ put: key, value: bytes(value), ...(ttlMs === undefined ? {} : { ttlMs }) }] })
    const versionOf = (result: TransactResult) => {
      if (result.kind !== 'committed') throw new Error(`not committed: ${result.kind}`)
      return result.version
    }
    const read = async (key: string) => text((await store.get(key))?.value)
    const keysBelow = async (prefix: string) => (await store.scan({ prefix })).map(({ key }) => key)

    beforeEach(async () => {
      fixture = await makeFixture()
      store = await open()
    })

    afterEach(async () => {
      for (const handle of opened.splice(0)) await handle.close()
      await fixture.dispose()
    })

    test('a key never written is absent', async () => {
      expect(await store.get('a')).toBeUndefined()
      expect(await store.getMany(['a', 'b'])).toEqual([undefined, undefined])
      expect(await store.scan({ prefix: '' })).toEqual([])
    })

    test('any bytes come back as they were, empty and one mebibyte included', async () => {
      const every = Uint8Array.from({ length: 256 }, (_, index) => index)
      const large = new Uint8Array(1 << 20).fill(7)
      await store.transact({
        writes: [
          { put: 'every', value: every },
          { put: 'large', value: large },
          { put: 'none', value: new Uint8Array() },
        ],
      })
      const [first, second, third] = await store.getMany(['every', 'large', 'none'])
      expect(Buffer.from(first!.value).equals(every)).toBe(true)
      expect(Buffer.from(second!.value).equals(large)).toBe(true)
      expect(third!.value.length).toBe(0)
    })

    test('getMany answers in the order asked, with the same key twice if asked twice', async () => {
      await put('a')
      await put('b')
      const entries = await store.getMany(['b', 'missing', 'a', 'b'])
      expect(entries.map(entry => entry?.key)).toEqual(['b', undefined, 'a', 'b'])
    })

    test('a write is read back by another handle and after all handles were closed', async () => {
      await put('a', 'one')
      expect(text((await (await open()).get('a'))?.value)).toBe('one')
      for (const handle of opened.splice(0)) await handle.close()
      store = await open()
      expect(await read('a')).toBe('one')
    })

    test('scan gives exactly the keys with the prefix, ordered by their UTF-8 bytes', async () => {
      const within = ['p/', 'p/0', 'p/a', 'p/a/b', 'p/ä', 'p/\u{ffff}', 'p/\u{10000}', 'p/\u{10ffff}']
      for (const key of [...within].reverse()) await put(key)
      for (const key of ['p', 'p.', 'p0', 'o/z', 'q/']) await put(key)
      expect(await keysBelow('p/')).toEqual(within)
      expect(await keysBelow('p/\u{10ffff}')).toEqual(['p/\u{10ffff}'])
      expect((await keysBelow('')).length).toBe(within.length + 5)
    })

    test('scan takes per cent, underscore and brackets of a prefix as themselves', async () => {
      for (const key of ['a%b', 'a_b', 'a[b', 'a*b', 'axb']) await put(key)
      for (const key of ['a%b', 'a_b', 'a[b', 'a*b']) expect(await keysBelow(key)).toEqual([key])
    })

    test('scan goes on after a key and stops at the limit; page by page gives all', async () => {
      const all = Array.from({ length: 7 }, (_, number) => `p/${number}`)
      await store.transact({ writes: all.map(key => ({ put: key, value: bytes(key) })) })
      const page = await store.scan({ prefix: 'p/', after: 'p/1', limit: 3 })
      expect(page.map(({ key }) => key)).toEqual(['p/2', 'p/3', 'p/4'])
      const seen: string[] = []
      for await (const { key } of scanAll(store, 'p/')) seen.push(key)
      expect(seen).toEqual(all)
    })

    test('keys with odd characters are kept apart', async () => {
      const odd = ['a b', 'a  b', 'A B', 'a\tb', "a'b", 'a"b', 'a\\b', 'ä', 'a\u0308', '{a}', 'a:b', '日本']
      for (const key of odd) await put(key)
      for (const key of odd) expect(await read(key)).toBe(key)
    })

    test('an absent check lets only the first writer through', async () => {
      const attempt = (value: string) =>
        store.transact({ checks: [{ key: 'a', absent: true }], writes: [{ put: 'a', value: bytes(value) }] })
      expect((await attempt('one')).kind).toBe('committed')
      expect(await attempt('two')).toEqual({ kind: 'conflict', key: 'a' })
      expect(await read('a')).toBe('one')
    })

    test('a version check fails after any other write, also one that wrote the same value', async () => {
      const version = versionOf(await put('a'))
      expect((await store.get('a'))?.version).toBe(version)
      await put('a')
      const result = await store.transact({ checks: [{ key: 'a', version }], writes: [{ delete: 'a' }] })
      expect(result).toEqual({ kind: 'conflict', key: 'a' })
      expect(await read('a')).toBe('a')
    })

    test('a version does not come back when a key was deleted and written again', async () => {
      const version = versionOf(await put('a'))
      await store.transact({ writes: [{ delete: 'a' }] })
      expect(versionOf(await put('a'))).toBeGreaterThan(version)
    })

    test('a version check of a deleted key fails', async () => {
      const version = versionOf(await put('a'))
      await store.transact({ writes: [{ delete: 'a' }] })
      expect(await store.transact({ checks: [{ key: 'a', version }], writes: [] })).toEqual({
        kind: 'conflict',
        key: 'a',
      })
    })

    test('one failed check undoes the whole transaction', async () => {
      await put('a', 'before')
      const result = await store.transact({
        checks: [
          { key: 'new', absent: true },
          { key: 'a', absent: true },
        ],
        writes: [{ put: 'new', value: bytes('x') }, { delete: 'a' }],
      })
      expect(result).toEqual({ kind: 'conflict', key: 'a' })
      expect(await read('new')).toBeUndefined()
      expect(await read('a')).toBe('before')
    })

    test('all keys of one transaction have its version', async () => {
      const result = await store.transact({ writes: ['a', 'b'].map(key => ({ put: key, value: bytes(key) })) })
      const entries = await store.getMany(['a', 'b'])
      expect(entries.map(entry => entry?.version)).toEqual([versionOf(result), versionOf(result)])
    })

    test('two handles that count up under a version check lose no step', async () => {
      const other = await open()
      await put('count', '0')
      const countUp = async (handle: StateStore) => {
        for (let steps = 0; steps < 25; ) {
          const entry = (await handle.get('count'))!
          const value = bytes(String(Number(text(entry.value)) + 1))
          const { kind } = await handle.transact({
            checks: [{ key: 'count', version: entry.version }],
            writes: [{ put: 'count', value }],
          })
          if (kind === 'committed') steps += 1
        }
      }
      await Promise.all([countUp(store), countUp(other), countUp(store)])
      expect(await read('count')).toBe('75')
    })

    test('a key whose time has run out is absent for every read and check, and can be swept once', async () => {
      await put('short', 'x', second)
      await put('long')
      expect(await read('short')).toBe('x')
      await fixture.passTime(second + 1)
      expect(await read('short')).toBeUndefined()
      expect(await store.getMany(['short'])).toEqual([undefined])
      expect(await keysBelow('')).toEqual(['long'])
      const again = await store.transact({ checks: [{ key: 'short', absent: true }], writes: [] })
      expect(again.kind).toBe('committed')
      await store.sweep()
      expect(await store.sweep()).toBe(0)
      expect(await keysBelow('')).toEqual(['long'])
    })

    test('writing a key again without a time lets it stay', async () => {
      await put('a', 'x', second)
      await put('a', 'y')
      await fixture.passTime(second + 1)
      await store.sweep()
      expect(await read('a')).toBe('y')
    })

    test('a lease is held by one at a time, the same owner included, until it is released', async () => {
      const other = await open()
      const lease = (await store.acquireLease('l', 'me', second))!
      expect(await other.acquireLease('l', 'you', second)).toBeUndefined()
      expect(await store.acquireLease('l', 'me', second)).toBeUndefined()
      expect(await store.acquireLease('another', 'you', second)).toBeDefined()
      await store.releaseLease({ name: 'l', token: lease.token })
      expect(await other.acquireLease('l', 'you', second)).toBeDefined()
    })

    test('of many who ask for a lease at once exactly one gets it', async () => {
      const handles = [store, await open(), await open()]
      const asked = handles.flatMap(handle =>
        [1, 2, 3].map(number => handle.acquireLease('l', `owner-${number}`, second)),
      )
      expect((await Promise.all(asked)).filter(lease => lease !== undefined).length).toBe(1)
    })

    test('tokens strictly increase over release, running out and sweeping', async () => {
      const tokens: number[] = []
      for (let round = 0; round < 4; round += 1) {
        const { token } = (await store.acquireLease('l', 'me', second))!
        tokens.push(token)
        if (round % 2 === 0) await store.releaseLease({ name: 'l', token })
        else await fixture.passTime(second + 1)
        await store.sweep()
      }
      expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b))
    })

    test('a replaced holder is fenced: it can neither write, renew, nor release', async () => {
      const old = { name: 'l', token: (await store.acquireLease('l', 'me', second))!.token }
      await fixture.passTime(second + 1)
      const fresh = { name: 'l', token: (await store.acquireLease('l', 'you', 10 * second))!.token }
      const write = [{ put: 'a', value: bytes('x') }]
      expect(await store.transact({ checks: [{ lease: old }], writes: write })).toEqual({ kind: 'fenced', lease: 'l' })
      expect(await read('a')).toBeUndefined()
      expect(await store.renewLease(old, second)).toBe(false)
      await store.releaseLease(old)
      expect((await store.transact({ checks: [{ lease: fresh }], writes: write })).kind).toBe('committed')
    })

    test('the lease of an owner that is known to be dead is taken at once, and the dead one is fenced', async () => {
      const dead = claimOwner()
      const old = (await store.acquireLease('l', dead.id, 3_600_000))!
      expect(await store.acquireLease('l', claimOwner().id, 3_600_000)).toBeUndefined()
      dead.release()
      const fresh = (await store.acquireLease('l', claimOwner().id, 3_600_000))!
      expect(fresh.token).toBeGreaterThan(old.token)
      const result = await store.transact({ checks: [{ lease: { name: 'l', token: old.token } }], writes: [] })
      expect(result.kind).toBe('fenced')
    })

    test('a lease that ran out fails its check though nobody took it; a renewed one holds', async () => {
      const lease = { name: 'l', token: (await store.acquireLease('l', 'me', second))!.token }
      await fixture.passTime(second / 2)
      expect(await store.renewLease(lease, second)).toBe(true)
      await fixture.passTime(second * 0.75)
      expect((await store.transact({ checks: [{ lease }], writes: [] })).kind).toBe('committed')
      await fixture.passTime(second)
      expect((await store.transact({ checks: [{ lease }], writes: [] })).kind).toBe('fenced')
      expect(await store.renewLease(lease, second)).toBe(false)
    })

    test('any sequence of conditional writes ends as the same sequence on a map does', async () => {
      const key = fc.constantFrom('a', 'b', 'c')
      const step = fc.record({
        check: fc.option(fc.record({ key, absent: fc.boolean() })),
        writes: fc.uniqueArray(fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 4 })) }), {
          selector: write => write.key,
          maxLength: 3,
        }),
      })
      let round = 0
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
          round += 1
          const model = new Map<string, { value: Uint8Array; version: number }>()
          const at = (key: string) => `${round}/${key}`
          for (const { check, writes } of steps) {
            const known = check === null ? undefined : model.get(check.key)
            const checks =
              check === null
                ? []
                : check.absent
                  ? [{ key: at(check.key), absent: true as const }]
                  : [{ key: at(check.key), version: known?.version ?? -1 }]
            const holds = check === null || (check.absent ? known === undefined : known !== undefined)
            const result = await store.transact({
              checks,
              writes: writes.map(({ key, value }) => (value === null ? { delete: at(key) } : { put: at(key), value })),
            })
            expect(result.kind).toBe(holds ? 'committed' : 'conflict')
            if (result.kind !== 'committed') continue
            for (const { key, value } of writes) {
              if (value === null) model.delete(key)
              else model.set(key, { value, version: result.version })
            }
          }
          const stored = (await store.scan({ prefix: `${round}/` })).map(({ key, value, version }) => [
            key,
            [...value],
            version,
          ])
          const expected = [...model].sort().map(([key, { value, version }]) => [at(key), [...value], version])
          expect(stored).toEqual(expected)
        }),
        { numRuns: 50 },
      )
    })
  })
}
