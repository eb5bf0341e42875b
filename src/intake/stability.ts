/** Whether a file is whole: size and time of change stood still long enough. Pure; looking at the file and at the clock is up to the caller. */

export interface Observation {
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly observedMs: number
}

export type Stability =
  | { readonly kind: 'whole' }
  /** Look again not before `lookAgainMs`. */
  | { readonly kind: 'settling'; readonly lookAgainMs: number }
  | { readonly kind: 'vanished' }

/** What is remembered of a file between two looks: since when it is as it is now. */
export interface Standing {
  readonly sizeBytes: number
  readonly modifiedMs: number
  readonly sinceMs: number
}

export interface StabilityStep {
  readonly stability: Stability
  /** To be handed to the next look. */
  readonly standing: Standing | undefined
}

/**
 * One more look at a file; `now` undefined: it is not there. Without an earlier look the time of change counts, so a file that lay there untouched
 * is whole at once; a time of change in the future counts as now.
 */
export function observe(before: Standing | undefined, now: Observation | undefined, settleMs: number): StabilityStep {
  if (now === undefined) return { stability: { kind: 'vanished' }, standing: undefined }
  const same = before !== undefined && before.sizeBytes === now.sizeBytes && before.modifiedMs === now.modifiedMs
  const sinceMs = same
    ? before.sinceMs
    : before === undefined
      ? Math.min(now.modifiedMs, now.observedMs)
      : now.observedMs
  const standing: Standing = { sizeBytes: now.sizeBytes, modifiedMs: now.modifiedMs, sinceMs }
  const stillMs = now.observedMs - sinceMs
  return {
    standing,
    stability: stillMs >= settleMs ? { kind: 'whole' } : { kind: 'settling', lookAgainMs: sinceMs + settleMs },
  }
}
