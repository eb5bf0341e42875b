import { setTimeout as delay } from 'node:timers/promises'
import type { SpendingPolicy } from '../../contracts/data/policy.ts'

/** How long to wait after a failed attempt, the first being 1: up to twice as long each time, with full jitter. */
export const retryDelayMs = ({ firstDelayMs, maxDelayMs }: SpendingPolicy['retry'], attempt: number): number =>
  Math.random() * Math.min(firstDelayMs * 2 ** (attempt - 1), maxDelayMs)

/** Waits between tries: doubling, with full jitter, as policy says. A stop cuts the wait short by throwing its reason. */
export class Backoff {
  readonly #policy: SpendingPolicy['retry']
  readonly #signal: AbortSignal
  attempt = 1

  constructor(policy: SpendingPolicy['retry'], signal: AbortSignal) {
    this.#policy = policy
    this.#signal = signal
  }

  /** True after the wait; false when there is no further try. */
  async again(): Promise<boolean> {
    if (this.attempt >= this.#policy.maxAttempts) return false
    const waitMs = retryDelayMs(this.#policy, this.attempt)
    this.attempt += 1
    await delay(waitMs, undefined, { signal: this.#signal }).catch(() => {
      throw this.#signal.reason
    })
    return true
  }
}
