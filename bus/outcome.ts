/** What a thrown error means for the message: the failure table decides, nothing else. */
import { asFailure } from '../contracts/failures.ts'
import type { HandlerOutcome, RetryPolicy } from './bus.ts'

export const defaultRetry: RetryPolicy = Object.freeze({ baseMs: 500, maxMs: 60_000, maxFailures: 8 })

/** `handed-back`: somebody asked to stop; the attempt does not count. */
export type Settlement = HandlerOutcome | { readonly kind: 'handed-back' }

/**
 * @param failures how many times handlers threw on this message before
 */
export function settlementOfError(error: unknown, failures: number, policy: RetryPolicy): Settlement {
  const failure = asFailure(error)
  if (failure.kind === 'cancelled') return { kind: 'handed-back' }
  if (failure.kind === 'terminal' || failures + 1 >= policy.maxFailures) return { kind: 'dead', failure }
  const afterMs = Math.min(policy.baseMs * 2 ** failures, policy.maxMs)
  return { kind: 'retry', afterMs, reason: `${failure.code}: ${failure.message}` }
}
