/** A circuit breaker: a provider that failed so often in a row is left alone for a while, and people are asked instead. */
import { Failure } from '../../contracts/failures.ts'

export class Breaker {
  #failures = 0
  #openUntilMs = 0
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** @throws Failure MODEL_PAUSED while it is open. After the pause one call tries; its failure opens it again at once. */
  check(model: string): void {
    const leftMs = this.#openUntilMs - this.#now()
    if (leftMs <= 0) return
    throw new Failure(
      'MODEL_PAUSED',
      `${model} failed ${this.#failures} times in a row and is asked again in ${Math.ceil(leftMs / 1_000)} s.`,
    )
  }

  answered(): void {
    this.#failures = 0
    this.#openUntilMs = 0
  }

  failed({ failures, pauseMs }: { readonly failures: number; readonly pauseMs: number }): void {
    this.#failures += 1
    if (this.#failures >= failures) this.#openUntilMs = this.#now() + pauseMs
  }
}
