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
import { keyParts, keys } from './keys.ts'
import { decodeRecord, encodeRecord } from './record.ts'
import { type Check, type StateStore, scanAll } from './store.ts'

export const budgetUnits = ['calls', 'milliseconds', 'tokens', 'moneyMicros'] as const
export type BudgetUnit = (typeof budgetUnits)[number]

const amount = z.number().int().min(0)
const amounts = z.partialRecord(z.enum(budgetUnits), amount)
const budgetRecord = z.object({
  limits: amounts,
  used: amounts,
  reserved: z.record(z.string(), amounts),
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

  /** `ttlMs`: how long a budget is kept after it was last spent from. */
  constructor(store: StateStore, options: { readonly ttlMs: number }) {
    this.#store = store
    this.#ttlMs = options.ttlMs
  }

  /** A scope as one caller sees it; what it saw last is where its next change begins. */
  account(scope: string): BudgetAccount {
    return new BudgetAccount(this.#store, this.#ttlMs, scope)
  }

  /** What was spent in every scope whose name begins so; what is reserved counts as spent. */
  async spent(
    prefix: string,
  ): Promise<{ readonly scope: string; readonly limits: Amounts; readonly spent: Amounts }[]> {
    const found = []
    for await (const entry of scanAll(this.#store, keys.budgetsOf(prefix))) {
      const scope = keyParts(entry.key)[1] ?? ''
      const budget = decodeRecord(budgetRecord, entry)
      const amounts = Object.fromEntries(budgetUnits.map(unit => [unit, spent(budget, unit)])) as Amounts
      found.push({ scope, limits: budget.limits, spent: amounts })
    }
    return found
  }
}

interface Look {
  readonly budget: BudgetRecord | undefined
  readonly check: Check
}

/** Changes cost one write as long as nobody else spends; where somebody does, the write is refused and the scope read again. */
export class BudgetAccount {
  readonly #store: StateStore
  readonly #ttlMs: number
  readonly #scope: string
  #seen: Look | undefined

  constructor(store: StateStore, ttlMs: number, scope: string) {
    this.#store = store
    this.#ttlMs = ttlMs
    this.#scope = scope
  }

  /** Sets the limits of a scope that has none yet; a scope that exists keeps its own. */
  async open(limits: Amounts): Promise<void> {
    await this.#change(budget => (budget === undefined ? [fresh(limits)] : []))
  }

  /**
   * Reserves all of `asked` or nothing. `limits` open a scope that has none yet; with `anew` they take the place of those it has,
   * for scopes that outlive a policy. Errors: BUDGET_EXHAUSTED for a scope that was never opened.
   */
  async reserve(id: string, asked: Amounts, limits?: Amounts, anew = false): Promise<Reservation> {
    amounts.parse(asked)
    let answer: Reservation = { kind: 'reserved' }
    await this.#change(budget => {
      answer = { kind: 'reserved' }
      const standing = opened(this.#scope, budget ?? (limits && fresh(limits)))
      const known = anew && limits !== undefined ? { ...standing, limits } : standing
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
  async settle(id: string, actual: Amounts): Promise<void> {
    amounts.parse(actual)
    await this.#change(budget => {
      const known = opened(this.#scope, budget)
      if (!Object.hasOwn(known.reserved, id)) return []
      const { [id]: _, ...reserved } = known.reserved
      const used = Object.fromEntries(
        budgetUnits.map(unit => [unit, (known.used[unit] ?? 0) + (actual[unit] ?? 0)]),
      ) as Amounts
      return [{ ...known, used, reserved }]
    })
  }

  /** What is left per limited unit, as it was seen last; undefined when the scope was never opened. */
  async left(): Promise<Amounts | undefined> {
    this.#seen ??= await this.#look()
    const { budget } = this.#seen
    if (budget === undefined) return undefined
    return Object.fromEntries(
      budgetUnits.flatMap(unit => {
        const limit = budget.limits[unit]
        return limit === undefined ? [] : [[unit, Math.max(0, limit - spent(budget, unit))]]
      }),
    )
  }

  /** `decide` returns the new record, or nothing to leave it. */
  #change(decide: (budget: BudgetRecord | undefined) => [BudgetRecord] | []): Promise<void> {
    return change<void>(this.#store, async () => {
      const seen = this.#seen ?? (await this.#look())
      // Whoever comes in between reads for itself, and so does the next try after a conflict.
      this.#seen = undefined
      const [next] = decide(seen.budget)
      if (next === undefined) {
        this.#seen = seen
        return { kind: 'answer', answer: undefined }
      }
      const write = { put: this.#key, value: encodeRecord(next), ttlMs: this.#ttlMs }
      const onCommit = (version: number) => {
        this.#seen = { budget: next, check: { key: this.#key, version } }
      }
      return { kind: 'write', transaction: { checks: [seen.check], writes: [write] }, answer: undefined, onCommit }
    })
  }

  async #look(): Promise<Look> {
    const entry = await this.#store.get(this.#key)
    if (entry === undefined) return { budget: undefined, check: { key: this.#key, absent: true } }
    return { budget: decodeRecord(budgetRecord, entry), check: { key: this.#key, version: entry.version } }
  }

  get #key(): string {
    return keys.budget(this.#scope)
  }
}

const fresh = (limits: Amounts): BudgetRecord => ({ limits, used: {}, reserved: {} })

function spent(budget: BudgetRecord, unit: BudgetUnit): number {
  const reserved = Object.values(budget.reserved).reduce((sum, held) => sum + (held[unit] ?? 0), 0)
  return (budget.used[unit] ?? 0) + reserved
}

function opened(scope: string, budget: BudgetRecord | undefined): BudgetRecord {
  if (budget !== undefined) return budget
  throw new Failure('BUDGET_EXHAUSTED', `No budget was opened for ${scope}, so nothing may be spent.`)
}
