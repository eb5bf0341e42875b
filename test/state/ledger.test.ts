import { describe, expect, test } from 'vitest'
import { Ledger } from '../../src/state/ledger.ts'
import { withStore } from './folder.ts'

const intent = { tool: 'lakehouse.stage', argsDigest: 'abc', runId: 'r1', atMs: 7 }

async function withLedger(
  body: (ledger: Ledger, test: Parameters<Parameters<typeof withStore>[0]>[0]) => Promise<void>,
) {
  await withStore(test => body(new Ledger(test.store, { ttlMs: 1_000, clock: test.clock }), test))
}

describe('effect ledger', () => {
  test('of many who begin one effect at once one is fresh and the others see an unknown outcome', async () => {
    await withLedger(async ledger => {
      const begun = await Promise.all(
        Array.from({ length: 5 }, (_, n) => ledger.begin('e', { ...intent, runId: `r${n}` })),
      )
      expect(begun.filter(({ kind }) => kind === 'fresh').length).toBe(1)
      expect(begun.filter(({ kind }) => kind === 'unknown').length).toBe(4)
    })
  })

  test('an intent without a result is unknown, says who meant what, and does not go away by itself', async () => {
    await withLedger(async (ledger, { store, time }) => {
      await ledger.begin('e', intent)
      time.nowMs += 1_000_000
      await store.sweep()
      expect(await ledger.begin('e', { ...intent, runId: 'r2' })).toEqual({ kind: 'unknown', intent })
    })
  })

  test('a completed effect is answered with its result until its time is over', async () => {
    await withLedger(async (ledger, { time }) => {
      await ledger.begin('e', intent)
      await ledger.complete('e', { snapshot: 5, note: null })
      const begun = await ledger.begin('e', intent)
      expect(begun).toMatchObject({ kind: 'done', result: { snapshot: 5, note: null } })
      time.nowMs += 1_001
      expect(await ledger.begin('e', intent)).toMatchObject({ kind: 'fresh' })
    })
  })

  test('the first result stands', async () => {
    await withLedger(async ledger => {
      await ledger.begin('e', intent)
      expect(await ledger.complete('e', 'first')).toBe('first')
      expect(await ledger.complete('e', 'second')).toBe('first')
    })
  })

  test('what was intended and has changed since is read before it is completed', async () => {
    await withLedger(async ledger => {
      const begun = await ledger.begin('e', intent)
      const intended = begun.kind === 'fresh' ? begun.intended : undefined
      expect(intended).toBeDefined()
      await ledger.complete('e', 'first')
      expect(await ledger.complete('e', 'second', undefined, intended)).toBe('first')
      expect(await ledger.begin('e', intent)).toMatchObject({ kind: 'done', result: 'first' })
    })
  })

  test('a failed call leaves nothing, but does not take back a result', async () => {
    await withLedger(async ledger => {
      await ledger.begin('e', intent)
      await ledger.fail('e')
      expect(await ledger.begin('e', intent)).toMatchObject({ kind: 'fresh' })
      await ledger.complete('e', 1)
      await ledger.fail('e')
      expect(await ledger.begin('e', intent)).toMatchObject({ kind: 'done', result: 1 })
    })
  })

  test('a replaced process begins and completes nothing', async () => {
    await withLedger(async (ledger, { store, time }) => {
      const old = { name: 't', token: (await store.acquireLease('t', 'me', 100))!.token }
      await ledger.begin('e1', intent, old)
      time.nowMs += 101
      await expect(ledger.begin('e2', intent, old)).rejects.toMatchObject({ code: 'LEASE_LOST' })
      await expect(ledger.complete('e1', 1, old)).rejects.toMatchObject({ code: 'LEASE_LOST' })
      expect((await ledger.begin('e1', intent)).kind).toBe('unknown')
      expect((await ledger.begin('e2', intent)).kind).toBe('fresh')
    })
  })
})
