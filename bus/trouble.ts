/** Says once that a server does not answer, when that has lasted for a while, and once that it answers again. */
export class Trouble {
  readonly #say: (message: string) => void
  readonly #quietMs: number
  #state:
    | { readonly kind: 'none' }
    | { readonly kind: 'brief'; readonly timer: NodeJS.Timeout }
    | { readonly kind: 'said' } = { kind: 'none' }

  constructor(say: ((message: string) => void) | undefined, quietMs = 1_000) {
    this.#say = say ?? (() => {})
    this.#quietMs = quietMs
  }

  begins(message: string): void {
    if (this.#state.kind !== 'none') return
    const timer = setTimeout(() => {
      this.#state = { kind: 'said' }
      this.#say(message)
    }, this.#quietMs)
    this.#state = { kind: 'brief', timer: timer.unref() }
  }

  ends(message: string): void {
    if (this.#state.kind === 'none') return
    if (this.#state.kind === 'brief') clearTimeout(this.#state.timer)
    else this.#say(message)
    this.#state = { kind: 'none' }
  }

  /** Nobody is told anything any more. */
  close(): void {
    if (this.#state.kind === 'brief') clearTimeout(this.#state.timer)
    this.#state = { kind: 'said' }
  }
}
