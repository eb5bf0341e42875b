/** Dates and times by a strptime pattern, read field by field: Spark's own patterns mean something else, and are more generous. */
import { Failure } from '../../../contracts/failures.ts'
import { dayNames, monthNames, partsOf, regexOf, type TimeField } from '../time-pattern.ts'
import { sparkLiteral } from './names.ts'

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
  const field = fieldsOf(text, whole, fields)
  const moment = `try_cast(${momentText(field)} AS ${field('z') === undefined ? 'TIMESTAMP_NTZ' : 'TIMESTAMP'})`
  const matches = [`${text} RLIKE ${sparkLiteral(whole)}`, ...conditions(field, moment)].join(' AND ')
  return `CASE WHEN ${matches} THEN CAST(${moment} AS ${type === 'date' ? 'DATE' : type === 'timestamp' ? 'TIMESTAMP_NTZ' : 'TIMESTAMP'}) END`
}

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
