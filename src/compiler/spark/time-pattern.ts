/** Dates and times by a strptime pattern, read field by field: Spark's own patterns mean something else, and are more generous. */
import { Failure } from '../../../contracts/failures.ts'
import { dayNames, monthNames, partsOf, regexOf, type TimeField, type TimePart } from '../time-pattern.ts'
import { sparkLiteral } from './names.ts'
import { sparkType } from './types.ts'

/**
 * The typed value of a text that is never null, or null.
 * @throws Failure DOCUMENT_INVALID for a field of which only the embedded engine knows how it is written
 */
export function patternValue(text: string, type: string, pattern: string): string {
  const parts = partsOf(pattern)
  const regex = regexOf(parts)
  if (regex === undefined) {
    throw new Failure('DOCUMENT_INVALID', `The pattern ${pattern} has a field that Spark cannot be told.`, {
      wayOut: 'Write it with %Y %y %m %b %B %d %a %A %H %I %p %M %S %f %g %z, or set `engine: duckdb`.',
    })
  }
  const fields = parts.filter(part => part.kind === 'field')
  const whole = `(?i)^${regex}\\z`
  const given = isoText(text, parts)
  if (given !== undefined) {
    const cast = `try_cast(${given} AS TIMESTAMP_NTZ)`
    const day = type === 'date' && fields.every(({ letter }) => 'Ymd'.includes(letter))
    const value = day ? `try_cast(${given} AS DATE)` : `CAST(${cast} AS ${sparkType(type)})`
    return `CASE WHEN ${text} RLIKE ${sparkLiteral(whole)} AND ${given} >= '0001' THEN ${value} END`
  }
  const field = fieldsOf(text, whole, fields)
  const moment = `try_cast(${momentText(field)} AS ${field('z') === undefined ? 'TIMESTAMP_NTZ' : 'TIMESTAMP'})`
  const matches = [`${text} RLIKE ${sparkLiteral(whole)}`, ...conditions(field, moment)].join(' AND ')
  return `CASE WHEN ${matches} THEN CAST(${moment} AS ${sparkType(type)}) END`
}

const widths: Readonly<Record<string, number>> = { Y: 4, m: 2, d: 2, H: 2, M: 2, S: 2 }
/** A day, and perhaps a time of it, in ISO 8601: what stands in front of each field. */
const iso = [
  ['', 'Y'],
  ['-', 'm'],
  ['-', 'd'],
  [' ', 'H'],
  [':', 'M'],
  [':', 'S'],
] as const

/**
 * The text put in the order of ISO 8601, where every field of the pattern has one width and none is left out before another: its parts
 * then have their places. Undefined for any other pattern.
 */
function isoText(text: string, parts: readonly TimePart[]): string | undefined {
  const places = new Map<string, number>()
  let at = 1
  for (const part of parts) {
    if (part.kind === 'literal') at += part.text.length
    else {
      const width = widths[part.letter]
      if (part.bare || width === undefined || places.has(part.letter)) return undefined
      places.set(part.letter, at)
      at += width
    }
  }
  const named = iso.slice(0, places.size)
  // A cast wants the minutes with the hours.
  if (places.size < 3 || places.size === 4 || named.some(([, letter]) => !places.has(letter))) return undefined
  if (
    named.every(([, letter], index) => index === 0 || places.get(letter) === (isoPlaces[letter] ?? 0)) &&
    at === (isoEnds[places.size] ?? 0)
  )
    return text
  const pieces = named.flatMap(([mark, letter]) => [
    ...(mark === '' ? [] : [sparkLiteral(mark)]),
    `substring(${text}, ${places.get(letter)}, ${widths[letter]})`,
  ])
  return `concat(${pieces.join(', ')})`
}

const isoPlaces: Readonly<Record<string, number>> = { Y: 1, m: 6, d: 9, H: 12, M: 15, S: 18 }
const isoEnds: Readonly<Record<number, number>> = { 3: 11, 5: 17, 6: 20 }

type Field = (letter: string) => string | undefined

/** What stands in a field, in lower case. */
function fieldsOf(text: string, regex: string, fields: readonly TimeField[]): Field {
  return letter => {
    const index = fields.findIndex(field => field.letter === letter)
    return index < 0 ? undefined : `lower(regexp_extract(${text}, ${sparkLiteral(regex)}, ${index + 1}))`
  }
}

/** `2026-12-31 23:59:59.123456`, and the zone where the text has one. */
function momentText(field: Field): string {
  const zone = field('z')
  const parts = [
    yearText(field),
    "'-'",
    monthText(field),
    "'-'",
    padded(field('d')) ?? "'01'",
    "' '",
    hourText(field),
    "':'",
    padded(field('M')) ?? "'00'",
    "':'",
    padded(field('S')) ?? "'00'",
    "'.'",
    field('f') ?? field('g') ?? "'0'",
    ...(zone === undefined ? [] : [zoneText(zone)]),
  ]
  return `concat(${parts.join(', ')})`
}

const padded = (value: string | undefined): string | undefined => value && `lpad(${value}, 2, '0')`

/** Years of two digits are 1969 to 2068; a pattern without a year is about 1900, as strptime has it. */
function yearText(field: Field): string {
  const short = field('y')
  return field('Y') ?? (short ? `concat(CASE WHEN ${short} < '69' THEN '20' ELSE '19' END, ${short})` : "'1900'")
}

function monthText(field: Field): string {
  const name = field('b') ?? field('B')
  if (name === undefined) return padded(field('m')) ?? "'01'"
  return `lpad(${placeIn(monthNames, name)}, 2, '0')`
}

/** From 1. */
const placeIn = (names: readonly string[], name: string): string =>
  `array_position(array(${names.map(each => sparkLiteral(each.slice(0, 3))).join(', ')}), left(${name}, 3))`

function hourText(field: Field): string {
  const [hour, half] = [field('I'), field('p')]
  if (hour === undefined) return padded(field('H')) ?? "'00'"
  const later = half === undefined ? '0' : `CASE WHEN ${half} = 'pm' THEN 12 ELSE 0 END`
  return `lpad(CAST(try_cast(${hour} AS INT) % 12 + ${later} AS STRING), 2, '0')`
}

/** `+0130` and `+01` as `+01:30` and `+01:00`. */
const zoneText = (zone: string): string =>
  `concat(left(${zone}, 3), ':', rpad(regexp_replace(substring(${zone}, 4), ':', ''), 2, '0'))`

/** What the fields have to be beyond what they look like. */
function conditions(field: Field, moment: string): string[] {
  const [year, hour, day] = [field('Y'), field('I'), field('a') ?? field('A')]
  return [
    ...(year === undefined ? [] : [`${year} <> '0000'`]),
    ...(hour === undefined ? [] : [`try_cast(${hour} AS INT) BETWEEN 1 AND 12`]),
    ...(day === undefined || field('z') !== undefined ? [] : [`weekday(${moment}) = ${placeIn(dayNames, day)} - 1`]),
  ]
}
