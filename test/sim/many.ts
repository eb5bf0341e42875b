import type { Schedule } from './schedule.ts'
import { type Outcome, type SimulateOptions, simulate } from './simulate.ts'

/** Schedules wait more than they work, so some run side by side. */
const lanes = 4

export interface ManyOptions extends SimulateOptions {
  readonly onOutcome?: (outcome: Outcome) => void
  /** Looked at between two schedules. */
  readonly enough?: () => boolean
}

/** Runs every schedule; answers those that came to no good end, and how often a process died in all. */
export async function simulateMany(
  schedules: readonly Schedule[],
  { onOutcome, enough = () => false, ...options }: ManyOptions = {},
): Promise<{ readonly failed: readonly Outcome[]; readonly crashes: number }> {
  const failed: Outcome[] = []
  let next = 0
  let crashes = 0
  const lane = async () => {
    for (let at = next++; at < schedules.length && !enough(); at = next++) {
      const outcome = await simulate(schedules[at]!, options)
      onOutcome?.(outcome)
      crashes += outcome.crashes
      if (outcome.faults.length > 0) failed.push(outcome)
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
  return { failed, crashes }
}

/** For people: a seed and what went wrong with it. */
export const tellOutcome = ({ seed, faults }: Outcome): string => [`seed ${seed}`, ...faults].join('\n  ')
