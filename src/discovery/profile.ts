/** What the values of a column are like, counted once and looked at many times. Pure. */

export interface ColumnProfile {
  readonly sourceName: string
  /** Values that are there, trimmed, and how often each is. */
  readonly counts: ReadonlyMap<string, number>
  /** Records with a value. */
  readonly present: number
  readonly records: number
  readonly minLength: number
  readonly maxLength: number
}

export function profileColumn(
  sourceName: string,
  values: readonly (string | null | undefined)[],
  nullTokens: ReadonlySet<string>,
): ColumnProfile {
  const counts = new Map<string, number>()
  let present = 0
  let minLength = Number.POSITIVE_INFINITY
  let maxLength = 0
  for (const value of values) {
    const text = presentText(value, nullTokens)
    if (text === null) continue
    present++
    counts.set(text, (counts.get(text) ?? 0) + 1)
    minLength = Math.min(minLength, text.length)
    maxLength = Math.max(maxLength, text.length)
  }
  return { sourceName, counts, present, records: values.length, minLength: present === 0 ? 0 : minLength, maxLength }
}

/** The value without the spaces around it, as engines trim, or null where there is none. */
export function presentText(value: string | null | undefined, nullTokens: ReadonlySet<string>): string | null {
  const text = value?.replaceAll(/^ +| +$/g, '') ?? ''
  return text === '' || nullTokens.has(text) ? null : text
}

/** Share of the values that pass; 1 where there are none. */
export function shareOf(profile: ColumnProfile, passes: (value: string) => boolean): number {
  let passed = 0
  for (const [value, times] of profile.counts) if (passes(value)) passed += times
  return profile.present === 0 ? 1 : passed / profile.present
}

/** Up to eight values, spread over the column, none longer than 200 characters. */
export function samplesOf(profile: ColumnProfile): string[] {
  const values = [...profile.counts.keys()]
  const step = Math.max(1, values.length / 8)
  return Array.from({ length: Math.min(8, values.length) }, (_, i) => values[Math.floor(i * step)] ?? '').map(value =>
    value.slice(0, 200).toWellFormed(),
  )
}
