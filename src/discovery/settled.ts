import type { Reading } from '../../contracts/data/doubt.ts'
import { reserved } from './words.ts'

/** Readings of a file, and which of them its values bear out. */
export class Settled {
  readonly #open: Set<Reading>

  constructor(readings: readonly Reading[]) {
    this.#open = new Set(readings)
  }

  /** What the reading of this kind makes of the column, where there is one and it holds. */
  take<K extends Reading['kind'], T>(
    kind: K,
    column: string | undefined,
    use: (reading: Extract<Reading, { kind: K }>) => T | undefined,
  ): T | undefined {
    for (const reading of this.#open) {
      if (reading.kind !== kind || (column !== undefined && !('column' in reading && reading.column === column)))
        continue
      const made = use(reading as Extract<Reading, { kind: K }>)
      if (made === undefined) continue
      this.#open.delete(reading)
      return made
    }
    return undefined
  }

  /** Only a column without a name of its own takes one, and no two the same. */
  names(found: readonly string[], unnamed: readonly boolean[]): string[] {
    const used = new Set(found)
    return found.map((name, index) => {
      const taken = this.take('name', name, ({ name: given }) =>
        unnamed[index] && /^[a-z_][a-z0-9_]{0,127}$/.test(given) && !used.has(given) && !reserved.includes(given)
          ? given
          : undefined,
      )
      if (taken !== undefined) used.add(taken)
      return taken ?? name
    })
  }

  refused(): Reading[] {
    return [...this.#open].filter(({ kind }) => kind !== 'headerRows' && kind !== 'renamed')
  }
}
