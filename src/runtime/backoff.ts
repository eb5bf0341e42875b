import { setTimeout as delay } from 'node:timers/promises'
import type { SpendingPolicy } from '../../contracts/data/policy.ts'

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
    const longestMs = Math.min(this.#policy.firstDelayMs * 2 ** (this.attempt - 1), this.#policy.maxDelayMs)
    this.attempt += 1
    await delay(Math.random() * longestMs, undefined, { signal: this.#signal }).catch(() => {
      throw this.#signal.reason
    })
    return true
  }
}
