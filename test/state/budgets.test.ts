import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Budgets, budgetUnits } from '../../src/state/budgets.ts'
import { withStore } from './folder.ts'

describe('budgets', () => {
  test('what was reserved is gone, and comes back as far as it was not used', async () => {
    await withStore(async ({ store }) => {
      const budgets = new Budgets(store, { ttlMs: 1_000 })
      await budgets.account('run').open({ calls: 3, tokens: 1_000 })
      expect(await budgets.account('run').reserve('r1', { calls: 1, tokens: 600 })).toEqual({ kind: 'reserved' })
      const refused = { kind: 'refused', unit: 'tokens', limit: 1_000, left: 400 }
      expect(await budgets.account('run').reserve('r2', { calls: 1, tokens: 600 })).toEqual(refused)
      expect(await budgets.account('run').left()).toEqual({ calls: 2, tokens: 400 })
      await budgets.account('run').settle('r1', { calls: 1, tokens: 100 })
      expect(await budgets.account('run').left()).toEqual({ calls: 2, tokens: 900 })
    })
  })

  test('reserving or settling again under the same id counts once', async () => {
    await withStore(async ({ store }) => {
      const budgets = new Budgets(store, { ttlMs: 1_000 })
      await budgets.account('run').open({ calls: 2 })
      for (let time = 0; time < 3; time += 1)
        expect((await budgets.account('run').reserve('r', { calls: 1 })).kind).toBe('reserved')
      expect(await budgets.account('run').left()).toEqual({ calls: 1 })
      for (let time = 0; time < 3; time += 1) await budgets.account('run').settle('r', { calls: 1 })
      expect(await budgets.account('run').left()).toEqual({ calls: 1 })
    })
  })

  test('more used than reserved is recorded as it is, and nothing is left below zero', async () => {
    await withStore(async ({ store }) => {
      const budgets = new Budgets(store, { ttlMs: 1_000 })
      await budgets.account('run').open({ milliseconds: 100 })
      await budgets.account('run').reserve('r', { milliseconds: 50 })
      await budgets.account('run').settle('r', { milliseconds: 170 })
      expect(await budgets.account('run').left()).toEqual({ milliseconds: 0 })
      expect(await budgets.account('run').reserve('s', { milliseconds: 1 })).toMatchObject({ kind: 'refused', left: 0 })
    })
  })

  test('a unit without a limit is not limited, and opening again keeps the limits', async () => {
    await withStore(async ({ store }) => {
      const budgets = new Budgets(store, { ttlMs: 1_000 })
      await budgets.account('run').open({ calls: 1 })
      await budgets.account('run').open({ calls: 100 })
      expect((await budgets.account('run').reserve('r', { calls: 1, moneyMicros: 10 ** 12 })).kind).toBe('reserved')
      expect((await budgets.account('run').reserve('s', { calls: 1 })).kind).toBe('refused')
    })
  })

  test('spending without a budget is BUDGET_EXHAUSTED; fractions and negative amounts are refused', async () => {
    await withStore(async ({ store }) => {
      const budgets = new Budgets(store, { ttlMs: 1_000 })
      await expect(budgets.account('nobody').reserve('r', { calls: 1 })).rejects.toMatchObject({
        code: 'BUDGET_EXHAUSTED',
      })
      await budgets.account('run').open({ calls: 1 })
      for (const calls of [-1, 0.5]) await expect(budgets.account('run').reserve('r', { calls })).rejects.toThrow()
    })
  })

  test('a budget goes away a time after it was last spent from', async () => {
    await withStore(async ({ store, time }) => {
      const budgets = new Budgets(store, { ttlMs: 1_000 })
      await budgets.account('run').open({ calls: 3 })
      time.nowMs += 999
      await budgets.account('run').reserve('r', { calls: 1 })
      time.nowMs += 999
      expect(await budgets.account('run').left()).toEqual({ calls: 2 })
      time.nowMs += 2
      expect(await budgets.account('run').left()).toBeUndefined()
    })
  })

  test('an account that others have spent from meanwhile reads before it spends', async () => {
    await withStore(async ({ store }) => {
      const budgets = new Budgets(store, { ttlMs: 1_000 })
      const [one, other] = [budgets.account('run'), budgets.account('run')]
      expect((await one.reserve('r', { calls: 1 }, { calls: 2 })).kind).toBe('reserved')
      expect((await other.reserve('s', { calls: 1 }, { calls: 9 })).kind).toBe('reserved')
      expect(await one.reserve('t', { calls: 1 })).toEqual({ kind: 'refused', unit: 'calls', limit: 2, left: 0 })
      await other.settle('s', {})
      expect(await budgets.account('run').left()).toEqual({ calls: 1 })
    })
  })

  test('parallel callers never overdraw: what is granted stays within every limit', async () => {
    const amountsTo = (most: number) => fc.record(Object.fromEntries(budgetUnits.map(unit => [unit, fc.nat(most)])))
    await fc.assert(
      fc.asyncProperty(
        amountsTo(40),
        fc.array(fc.tuple(amountsTo(10), fc.double({ min: 0, max: 1, noNaN: true })), { maxLength: 12 }),
        async (limits, asks) => {
          await withStore(async ({ store }) => {
            const budgets = new Budgets(store, { ttlMs: 1_000 })
            await budgets.account('run').open(limits)
            const spent: Record<string, number> = {}
            const shared = budgets.account('run')
            await Promise.all(
              asks.map(async ([ask, share], number) => {
                const account = number % 2 === 0 ? shared : budgets.account('run')
                if ((await account.reserve(`r${number}`, ask)).kind === 'refused') return
                const used = Object.fromEntries(
                  Object.entries(ask).map(([unit, amount]) => [unit, Math.floor(amount * share)]),
                )
                await account.settle(`r${number}`, used)
                for (const [unit, amount] of Object.entries(used)) spent[unit] = (spent[unit] ?? 0) + amount
              }),
            )
            const left = (await budgets.account('run').left())!
            for (const unit of budgetUnits) expect(left[unit]).toBe(limits[unit]! - (spent[unit] ?? 0))
            for (const unit of budgetUnits) expect(spent[unit] ?? 0).toBeLessThanOrEqual(limits[unit]!)
          })
        },
      ),
      { numRuns: 25 },
    )
  })
})
