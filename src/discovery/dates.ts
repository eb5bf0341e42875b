/**
 * Dates and times by strptime patterns, and by ISO 8601. A text fits a pattern if formatting the time again gives the text: `%d` has two digits, `%-d` no
 * superfluous zero. Years of two digits are 1969 to 2068. Pure.
 */

interface Field {
  readonly regex: string
  readonly name: string
}

const months = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const longMonths = 'january february march april may june july august september october november december'.split(' ')
const days = 'mon tue wed thu fri sat sun'.split(' ')
const longDays = 'monday tuesday wednesday thursday friday saturday sunday'.split(' ')

const two = '(\\d{2})'

const fields: Readonly<Record<string, Field>> = {
  Y: { regex: '(\\d{4})', name: 'year' },
  y: { regex: two, name: 'shortYear' },
  m: { regex: two, name: 'month' },
  d: { regex: two, name: 'day' },
  H: { regex: two, name: 'hour' },
  I: { regex: two, name: 'hour12' },
  M: { regex: two, name: 'minute' },
  S: { regex: two, name: 'second' },
  f: { regex: '(\\d{6})', name: 'fraction' },
  g: { regex: '(\\d{3})', name: 'fraction' },
  p: { regex: '(am|pm)', name: 'half' },
  b: { regex: `(${months.join('|')})`, name: 'monthName' },
  B: { regex: `(${longMonths.join('|')})`, name: 'longMonthName' },
  a: { regex: `(${days.join('|')})`, name: 'dayName' },
  A: { regex: `(${longDays.join('|')})`, name: 'dayName' },
  z: { regex: '([-+]\\d{2}(?::?\\d{2})?)', name: 'offset' },
}

interface Compiled {
  readonly regex: RegExp
  readonly names: readonly string[]
}

const compiled = new Map<string, Compiled>()

function compile(pattern: string): Compiled {
  const known = compiled.get(pattern)
  if (known !== undefined) return known
  const names: string[] = []
  const regex = pattern.replaceAll(
    /%(-?)([A-Za-z%])|[.*+?^${}()|[\]\\]/g,
    (part, bare: string | undefined, letter: string | undefined, at: number) => {
      if (letter === undefined) return `\\${part}`
      if (letter === '%') return '%'
      const field = fields[letter]
      if (field === undefined) return '(?!)'
      names.push(field.name)
      if (bare === '-') return '([1-9]\\d?|0)'
      // A fraction at the end has as many digits as it needs.
      return letter === 'f' && at === pattern.length - 2 ? '(\\d{1,6})' : field.regex
    },
  )
  const one = { regex: new RegExp(`^${regex}$`, 'i'), names }
  compiled.set(pattern, one)
  return one
}

/** Milliseconds since 1970 of the time written, its own offset applied, or undefined: it is no such time. */
export function parseTime(text: string, pattern: string): number | undefined {
  const { regex, names } = compile(pattern)
  const match = regex.exec(text)
  if (match === null) return undefined
  const part: Record<string, string> = {}
  for (const [index, name] of names.entries()) part[name] = (match[index + 1] ?? '').toLowerCase()
  const number = (name: string, absent: number): number => (part[name] === undefined ? absent : Number(part[name]))
  const shortYear = number('shortYear', 70)
  const year = number('year', shortYear < 69 ? 2000 + shortYear : 1900 + shortYear)
  const named = part['monthName'] ?? part['longMonthName']
  const month = named === undefined ? number('month', 1) : months.indexOf(named.slice(0, 3)) + 1
  const day = number('day', 1)
  const hour =
    part['hour12'] === undefined ? number('hour', 0) : (number('hour12', 12) % 12) + (part['half'] === 'pm' ? 12 : 0)
  const minute = number('minute', 0)
  const second = number('second', 0)
  if (
    month < 1 ||
    month > 12 ||
    hour > 23 ||
    minute > 59 ||
    second > 59 ||
    number('hour12', 1) < 1 ||
    number('hour12', 1) > 12
  )
    return undefined
  const date = new Date(Date.UTC(2000, month - 1, day))
  date.setUTCFullYear(year, month - 1, day)
  if (day < 1 || date.getUTCDate() !== day || date.getUTCMonth() !== month - 1) return undefined
  const fraction = Number(`0.${part['fraction'] ?? '0'}`) * 1000
  return (
    date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 + fraction - offsetMinutes(part['offset']) * 60_000
  )
}

function offsetMinutes(offset: string | undefined): number {
  if (offset === undefined) return 0
  const digits = offset.replaceAll(/\D/g, '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || '0')
  return offset.startsWith('-') ? -minutes : minutes
}

const iso = /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,6}0*)?)?(Z|[+-]\d{2}(?::?\d{2})?)?$/

/** Whether a text is a time in ISO 8601, with or without a zone; undefined: it is none. */
export function isoTime(text: string): 'zoned' | 'local' | undefined {
  const match = iso.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, zone] = match
  if (parseTime(`${year}-${month}-${day} ${hour}:${minute}:${second ?? '00'}`, '%Y-%m-%d %H:%M:%S') === undefined)
    return undefined
  return zone === undefined ? 'local' : 'zoned'
}

/** The pattern says which point in time is meant, not only what a clock showed. */
export const hasZone = (pattern: string): boolean => pattern.includes('%z') || pattern.endsWith('Z')
