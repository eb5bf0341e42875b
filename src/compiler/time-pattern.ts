/**
 * A strptime pattern, taken apart: what stands between its fields, and the fields in their order. Pure.
 *
 * An engine that formats by the pattern itself needs none of this; another reads the fields by the regular expression, in which
 * every field is one group.
 */

export type TimePart =
  | { readonly kind: 'literal'; readonly text: string }
  /** `bare`: without a leading zero, as in `%-d`. `last`: nothing stands behind it. */
  | { readonly kind: 'field'; readonly letter: string; readonly bare: boolean; readonly last: boolean }

export type TimeField = Extract<TimePart, { kind: 'field' }>

export const monthNames = 'january february march april may june july august september october november december'.split(
  ' ',
)
export const dayNames = 'monday tuesday wednesday thursday friday saturday sunday'.split(' ')

/** The patterns by which a value is written as it would be without one, in the engine's own hand. */
export const plainPatterns: Readonly<Record<string, string>> = {
  date: '%Y-%m-%d',
  timestamp: '%Y-%m-%d %H:%M:%S',
}

const short = (names: readonly string[]): string => names.map(name => name.slice(0, 3)).join('|')

/** How a field is written, without its group. */
const fields: Readonly<Record<string, string>> = {
  Y: '[0-9]{4}',
  y: '[0-9]{2}',
  m: '[0-9]{2}',
  d: '[0-9]{2}',
  H: '[0-9]{2}',
  I: '[0-9]{2}',
  M: '[0-9]{2}',
  S: '[0-9]{2}',
  f: '[0-9]{6}',
  g: '[0-9]{3}',
  p: 'am|pm',
  b: short(monthNames),
  B: monthNames.join('|'),
  a: short(dayNames),
  A: dayNames.join('|'),
  z: '[-+](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?',
}

export function partsOf(pattern: string): TimePart[] {
  return [...pattern.matchAll(/%(-?)([A-Za-z])|%%|[^%]+|%/g)].map(([text, bare, letter], index, all) =>
    letter === undefined
      ? { kind: 'literal', text: text === '%%' ? '%' : text }
      : { kind: 'field', letter, bare: bare === '-', last: index === all.length - 1 },
  )
}

/** Matches, without regard to case, every text that the pattern can be; undefined where a field of it is not known here. */
export function regexOf(parts: readonly TimePart[]): string | undefined {
  const texts = parts.map(part => (part.kind === 'literal' ? escaped(part.text) : fieldRegex(part)))
  return texts.includes(undefined) ? undefined : texts.join('')
}

function fieldRegex({ letter, bare, last }: TimeField): string | undefined {
  const written = fields[letter]
  if (written === undefined) return undefined
  if (bare) return '([1-9][0-9]?|0)'
  // A fraction at the end has as many digits as it needs.
  return letter === 'f' && last ? '([0-9]{1,6})' : `(${written})`
}

/** In brackets rather than behind a backslash, which texts of SQL would want doubled. */
const escaped = (text: string): string =>
  text.replace(/[.*+?^${}()|[\]\\]/g, character => (/[\^\\]/.test(character) ? `\\${character}` : `[${character}]`))
