/**
 * Budgets: what a run may spend, reserved before it is used.
 *
 * Owns: one record per scope (a run): limits, what was used, and what is reserved right now. Invariants:
 * 1. Used and reserved together never exceed a limit by a reservation, however many callers ask at once.
 * 2. A reservation has an id, and asking again under it gives the same one: a call that is repeated after a crash does not
 *    reserve twice. A reservation nobody settles stays reserved: unknown spending counts as spent.
 * 3. Settling replaces the reservation by what was really used, once. Where that is more than reserved it is recorded as it
 *    is, and the next reservation finds less.
 *
 * Units are whole numbers; money is millionths of the currency. A unit without a limit is not limited.
 */
import { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import { change } from './change.ts'
import { keys } from './keys.ts'
import { decodeRecord, encodeRecord } from './record.ts'
import type { Check, StateStore } from './store.ts'

export const budgetUnits = ['calls', 'milliseconds', 'tokens', 'moneyMicros'] as const
export type BudgetUnit = (typeof budgetUnits)[number]

const amount = z.number().int().min(0)
const amounts = z.partialRecord(z.enum(budgetUnits), amount)
const budgetRecord = z.object({
  limits: amounts,
  used: amounts,
  reserved: z.record(z.string(), amounts),
  closed: z.boolean(),
})

/** Whole numbers per unit; a unit left out is zero, or no limit. */
export type Amounts = Readonly<z.infer<typeof amounts>>
type BudgetRecord = z.infer<typeof budgetRecord>

export type Reservation =
  | { readonly kind: 'reserved' }
  | { readonly kind: 'refused'; readonly unit: BudgetUnit; readonly limit: number; readonly left: number }

export class Budgets {
  readonly #store: StateStore
  readonly #ttlMs: number

  /** `ttlMs`: how long a budget is kept after it was closed. */
  constructor(store: StateStore, options: { readonly ttlMs: number }) {
    this.#store = store
    this.#ttlMs = options.ttlMs
  }

  /** Sets the limits of a scope that has none yet; a scope that exists keeps its own. */
  async open(scope: string, limits: Amounts): Promise<void> {
    await this.#change(scope, budget =>
      budget === undefined ? [{ limits, used: {}, reserved: {}, closed: false }] : [],
    )
  }

  /** Reserves all of `asked` or nothing. Errors: BUDGET_EXHAUSTED when the scope was never opened. */
  async reserve(scope: string, id: string, asked: Amounts): Promise<Reservation> {
    amounts.parse(asked)
    let answer: Reservation = { kind: 'reserved' }
    await this.#change(scope, budget => {
      answer = { kind: 'reserved' }
      const known = opened(scope, budget)
      if (Object.hasOwn(known.reserved, id)) return []
      for (const unit of budgetUnits) {
        const limit = known.limits[unit]
        if (limit === undefined) continue
        const left = Math.max(0, limit - spent(known, unit))
        if ((asked[unit] ?? 0) <= left) continue
        answer = { kind: 'refused', unit, limit, left }
        return []
      }
      return [{ ...known, reserved: { ...known.reserved, [id]: asked } }]
    })
    return answer
  }

  /** Replaces the reservation by what was used; does nothing when it was settled before. */
  async settle(scope: string, id: string, actual: Amounts): Promise<void> {
    amounts.parse(actual)
    await this.#change(scope, budget => {
      const known = opened(scope, budget)
      if (!Object.hasOwn(known.reserved, id)) return []
      const { [id]: _, ...reserved } = known.reserved
      const used = Object.fromEntries(
        budgetUnits.map(unit => [unit, (known.used[unit] ?? 0) + (actual[unit] ?? 0)]),
      ) as Amounts
      return [{ ...known, used, reserved }]
    })
  }

  /** The run is complete: the budget goes away after a time, and until then still answers and settles. */
  async close(scope: string): Promise<void> {
    await this.#change(scope, budget => (budget === undefined ? [] : [{ ...budget, closed: true }]))
  }

  /** What is left per limited unit, for the envelope; undefined when the scope was never opened. */
  async left(scope: string): Promise<Amounts | undefined> {
    const budget = (await this.#look(scope)).budget
    if (budget === undefined) return undefined
    return Object.fromEntries(
      budgetUnits.flatMap(unit => {
        const limit = budget.limits[unit]
        return limit === undefined ? [] : [[unit, Math.max(0, limit - spent(budget, unit))]]
      }),
    )
  }

  /** `decide` returns the new record, or nothing to leave it. */
  #change(scope: string, decide: (budget: BudgetRecord | undefined) => [BudgetRecord] | []): Promise<void> {
    return change<void>(this.#store, async () => {
      const { budget, check } = await this.#look(scope)
      const [next] = decide(budget)
      if (next === undefined) return { kind: 'answer', answer: undefined }
      const lifetime = next.closed ? { ttlMs: this.#ttlMs } : {}
      const write = { put: keys.budget(scope), value: encodeRecord(next), ...lifetime }
      return { kind: 'write', transaction: { checks: [check], writes: [write] }, answer: undefined }
    })
  }

  async #look(scope: string): Promise<{ budget: BudgetRecord | undefined; check: Check }> {
    const key = keys.budget(scope)
    const entry = await this.#store.get(key)
    if (entry === undefined) return { budget: undefined, check: { key, absent: true } }
    return { budget: decodeRecord(budgetRecord, entry), check: { key, version: entry.version } }
  }
}

function spent(budget: BudgetRecord, unit: BudgetUnit): number {
  const reserved = Object.values(budget.reserved).reduce((sum, held) => sum + (held[unit] ?? 0), 0)
  return (budget.used[unit] ?? 0) + reserved
}

function opened(scope: string, budget: BudgetRecord | undefined): BudgetRecord {
  if (budget !== undefined) return budget
  throw new Failure('BUDGET_EXHAUSTED', `No budget was opened for ${scope}, so nothing may be spent.`)
}
