/**
 * The effect ledger: what tools have changed in the world, so that an effect runs once.
 *
 * Owns: one record per effect key (tool, canonical arguments, write key: the caller's hash). Invariants:
 * 1. An effect is intended before it is called and done after: `begin`, the call, `complete`.
 * 2. One caller gets `fresh` for a key. Whoever comes later gets the result, or `unknown` while there is an intent without
 *    one: the call may have happened, and only the tool itself, or a person, can say.
 * 3. The first result stays: completing again does not change it.
 * 4. A failed call leaves nothing behind, so a failure is never answered from here.
 * 5. Done effects go away after `ttlMs`; intents never do by themselves, since forgetting one would run it again.
 */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import { Failure } from '../../contracts/failures.ts'
import { change, committed } from './change.ts'
import { keys } from './keys.ts'
import { decodeRecord, encodeRecord } from './record.ts'
import type { Check, LeaseReference, StateStore } from './store.ts'

const intent = z.object({ tool: z.string(), argsDigest: z.string(), runId: z.string(), atMs: z.number() })

const ledgerRecord = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('intended'), intent }),
  z.object({
    kind: z.literal('done'),
    intent: intent.optional(),
    /** What the tool answered: any JSON. */
    result: z.unknown(),
    resultDigest: z.string(),
    doneAtMs: z.number(),
  }),
])

export type Intent = z.infer<typeof intent>
type LedgerRecord = z.infer<typeof ledgerRecord>

export type Begun =
  /** Nobody has tried: call the tool. `intended` is for `complete`. */
  | { readonly kind: 'fresh'; readonly intended?: Intended }
  | { readonly kind: 'done'; readonly result: unknown; readonly resultDigest: string }
  /** Somebody meant to and did not say what came of it: reconcile. */
  | { readonly kind: 'unknown'; readonly intent: Intent }

/** An intent as it was written. */
export interface Intended {
  readonly intent: Intent
  readonly version: number
}

export interface LedgerOptions {
  /** How long results are kept. */
  readonly ttlMs: number
  readonly clock?: () => number
}

export class Ledger {
  readonly #store: StateStore
  readonly #ttlMs: number
  readonly #clock: () => number

  constructor(store: StateStore, options: LedgerOptions) {
    this.#store = store
    this.#ttlMs = options.ttlMs
    this.#clock = options.clock ?? Date.now
  }

  /** @param guard the lease of the thread, so that a replaced process begins nothing. Errors: LEASE_LOST. */
  async begin(effect: string, intent: Intent, guard?: LeaseReference): Promise<Begun> {
    const key = keys.ledger(effect)
    const value = encodeRecord({ kind: 'intended', intent } satisfies LedgerRecord)
    const transaction = { checks: [{ key, absent: true } as const, ...guardOf(guard)], writes: [{ put: key, value }] }
    for (let tries = 0; tries < mostTries; tries += 1) {
      // Most effects are new, so the write is tried before anything is read.
      const result = await this.#store.transact(transaction)
      if (committed(result)) return { kind: 'fresh', intended: { intent, version: result.version } }
      const { record } = await this.#look(effect)
      if (record?.kind === 'intended') return { kind: 'unknown', intent: record.intent }
      if (record?.kind === 'done') return { kind: 'done', result: record.result, resultDigest: record.resultDigest }
    }
    throw new Failure('STATE_BUSY', `The intent of ${effect} came and went ${mostTries} times.`)
  }

  /**
   * Records the result; returns the one that stands, which is an earlier one if there was. Errors: LEASE_LOST.
   *
   * @param intended what `begin` answered, if it did: saves a look
   */
  async complete(effect: string, result: unknown, guard?: LeaseReference, intended?: Intended): Promise<unknown> {
    let known = intended
    return change<unknown>(this.#store, async () => {
      const { record, check } = known === undefined ? await this.#look(effect) : standingOf(effect, known)
      // Where it is not as it was written, it is read.
      known = undefined
      if (record?.kind === 'done') return answer(record.result)
      const done: LedgerRecord = {
        kind: 'done',
        ...(record === undefined ? {} : { intent: record.intent }),
        result,
        resultDigest: createHash('sha256')
          .update(JSON.stringify(result ?? null))
          .digest('hex'),
        doneAtMs: this.#clock(),
      }
      const write = { put: keys.ledger(effect), value: encodeRecord(done), ttlMs: this.#ttlMs }
      return { kind: 'write', transaction: { checks: [check, ...guardOf(guard)], writes: [write] }, answer: result }
    })
  }

  /** The call is known to have changed nothing: takes the intent back. A result that stands is left alone. */
  async fail(effect: string): Promise<void> {
    await change(this.#store, async () => {
      const { record, check } = await this.#look(effect)
      if (record?.kind !== 'intended') return answer(undefined)
      const transaction = { checks: [check], writes: [{ delete: keys.ledger(effect) }] }
      return { kind: 'write', transaction, answer: undefined }
    })
  }

  async #look(effect: string): Promise<{ record: LedgerRecord | undefined; check: Check }> {
    const key = keys.ledger(effect)
    const entry = await this.#store.get(key)
    if (entry === undefined) return { record: undefined, check: { key, absent: true } }
    return { record: decodeRecord(ledgerRecord, entry), check: { key, version: entry.version } }
  }
}

const mostTries = 100

const standingOf = (effect: string, { intent, version }: Intended): { record: LedgerRecord; check: Check } => ({
  record: { kind: 'intended', intent },
  check: { key: keys.ledger(effect), version },
})

function answer<T>(value: T) {
  return { kind: 'answer', answer: value } as const
}

function guardOf(lease: LeaseReference | undefined): Check[] {
  return lease === undefined ? [] : [{ lease }]
}
