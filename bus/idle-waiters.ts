/** Those who wait until a consumer's handlers have ended; each for as long as it likes, and no longer. */
export class IdleWaiters {
  readonly #waiting = new Set<() => void>()

  /** Resolves when `tell` is called, or when the time is up. */
  wait(timeoutMs: number): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, timeoutMs)
      this.#waiting.add(done)
    })
  }

  tell(): void {
    for (const done of this.#waiting) done()
  }
}
