/** Where a character stands next: searched for once, remembered until it is passed. */
export class Finder {
  readonly #wanted: string
  #text = ''
  #at = -1

  /** Nothing is found of an empty text. */
  constructor(wanted: string) {
    this.#wanted = wanted
  }

  load(text: string): void {
    this.#text = text
    this.#at = this.#wanted === '' ? Number.POSITIVE_INFINITY : -1
  }

  /** The first place at or behind `index`; Infinity: none. `index` rises from call to call, or the answer is that of a later place. */
  from(index: number): number {
    if (this.#at < index) {
      const at = this.#text.indexOf(this.#wanted, index)
      this.#at = at === -1 ? Number.POSITIVE_INFINITY : at
    }
    return this.#at
  }
}
