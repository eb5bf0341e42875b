/** One number of a benchmark, with what it is measured against. */
export interface Measure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What stands on the other side of the ratio. */
  readonly against: string | null
  readonly ratio: number | null
  /** What the number leaves out, and what else to know before believing it. */
  readonly note: string
}

export interface Benchmark {
  readonly name: string
  run(tell: (line: string) => void): Promise<readonly Measure[]>
}

/** The value below which the share `q` of the samples lies. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

/** To three digits that mean something. */
export const rounded = (value: number): number => Number(value.toPrecision(3))

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
