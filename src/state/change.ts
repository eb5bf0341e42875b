/** Optimistic changes: read, decide, write under the version that was read, and start over where somebody was faster. */
import { Failure } from '../../contracts/failures.ts'
import type { StateStore, Transaction, TransactResult } from './store.ts'

/** What one look led to: a transaction and what to answer once it is committed, or an answer without any. */
export type Decision<T> =
  | {
      readonly kind: 'write'
      readonly transaction: Transaction
      readonly answer: T
      /** Told the version of what was written. */
      readonly onCommit?: (version: number) => void
    }
  | { readonly kind: 'answer'; readonly answer: T }

const mostTries = 1_000

/** Repeats `decide` until its transaction commits. Errors: LEASE_LOST when a lease check fails, STATE_BUSY. */
export async function change<T>(store: StateStore, decide: () => Promise<Decision<T>>): Promise<T> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const decision = await decide()
    if (decision.kind === 'answer') return decision.answer
    const result = await store.transact(decision.transaction)
    if (!committed(result)) continue
    decision.onCommit?.(result.version)
    return decision.answer
  }
  throw new Failure('STATE_BUSY', `A change of the state lost against other writers ${mostTries} times.`)
}

/** Whether the transaction was committed; false on a conflict. Errors: LEASE_LOST. */
export function committed(result: TransactResult): result is Extract<TransactResult, { kind: 'committed' }> {
  if (result.kind !== 'fenced') return result.kind === 'committed'
  throw new Failure('LEASE_LOST', `The lease ${result.lease} is not held any more.`)
}
