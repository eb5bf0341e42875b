/** Random numbers from a seed, so that a failing schedule can be run again. */
export interface Random {
  readonly seed: number
  /** Uniform in [0, 1). */
  next(): number
  chance(probability: number): boolean
  /** A whole number from 0 up to and without `below`. */
  integer(below: number): number
}

/** The mulberry32 generator. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { seed, next, chance: probability => next() < probability, integer: below => Math.floor(next() * below) }
}
