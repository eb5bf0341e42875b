/**
 * Text → typed value in Spark SQL, or null where the text does not fit the type: what `duckdb/values.ts` accepts, to the same value.
 *
 * A regular expression says how a value is written, and only then it is cast: Spark's casts take more than that (spaces around, `1d`,
 * `2026-1-1`), and none of them raises here.
 */
import type { ValueFormat } from '../../../contracts/data/feed-contract.ts'
import { decimalOf } from '../types.ts'
import { exactDigits, plainNumber, written } from '../value-text.ts'
import { sparkLiteral } from './names.ts'
import { patternValue } from './time-pattern.ts'
import { sparkType } from './types.ts'

/** The typed value of a text that is never null, or null. @param text a SQL operand of type STRING: a quoted column. */
export function fittedValue(text: string, type: string, format?: ValueFormat): string {
  switch (type) {
    case 'string':
      return text
    case 'boolean':
      return truthValue(text, format)
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return format?.kind === 'date' || format?.kind === 'timestamp'
        ? patternValue(text, type, format.pattern)
        : momentValue(text, type)
    default:
      return numberValue(text, type, format)
  }
}

/** True for a text that is of the expression from its first character to its last. */
export const isWritten = (text: string, regex: string): string => `${text} RLIKE ${sparkLiteral(`^(?:${regex})\\z`)}`

function truthValue(text: string, format: ValueFormat | undefined): string {
  const words = format?.kind === 'boolean' ? format : { true: ['true'], false: ['false'] }
  // A capital I with a dot becomes one letter, as it does in the other engine.
  const lower = `lower(replace(${text}, 'İ', 'i'))`
  const oneOf = (tokens: readonly string[]): string =>
    `${lower} IN (${tokens.map(token => sparkLiteral(token.toLowerCase())).join(', ')})`
  return `CASE WHEN ${oneOf(words.true)} THEN true WHEN ${oneOf(words.false)} THEN false END`
}

function numberValue(text: string, type: string, format: ValueFormat | undefined): string {
  const plain = plainNumber(text, format, { literal: sparkLiteral, isWritten })
  const cast = `try_cast(${plain} AS ${sparkType(type)})`
  if (type === 'int' || type === 'long') {
    const unmarked = `try_cast(trim(TRAILING '.' FROM ${plain}) AS ${sparkType(type)})`
    return `CASE WHEN CAST(${cast} AS STRING) = ${plain} THEN ${cast} WHEN ${isWritten(plain, written.whole)} THEN ${unmarked} END`
  }
  const decimal = decimalOf(type)
  if (decimal !== undefined) return `CASE WHEN ${isWritten(plain, written.decimal(decimal))} THEN ${cast} END`
  return `CASE WHEN ${isWritten(plain, written.double)} AND abs(${cast}) < double('Infinity') THEN CASE WHEN ${isExact(plain, cast)} THEN ${cast} END END`
}

/**
 * With more than fifteen digits, they have to be the fewest that the double can be told by. Java before 19 writes some with more, so
 * that sixteen are tried before seventeen.
 */
function isExact(plain: string, cast: string): string {
  const digits = digitsOf(plain)
  const sixteen = `format_string('%.15e', ${cast})`
  const own = `CASE WHEN try_cast(${sixteen} AS DOUBLE) = ${cast} THEN ${digitsOf(sixteen)} ELSE ${digitsOf(`format_string('%.16e', ${cast})`)} END`
  return `CASE WHEN octet_length(${plain}) <= ${exactDigits} THEN true WHEN length(${digits}) <= ${exactDigits} THEN true ELSE ${digits} = ${own} END`
}

/** The digits of a number, without zeros at either end: what it says but for its magnitude. */
const digitsOf = (text: string): string => `regexp_replace(regexp_replace(${text}, '[eE].*$|[.]|-', ''), '^0+|0+$', '')`

/** Dates and times without a pattern: ISO 8601, `T` or a space between date and time. */
function momentValue(text: string, type: string): string {
  const since = `${text} >= '0001'`
  if (type === 'date') {
    return `CASE WHEN ${isWritten(text, written.day)} AND ${since} THEN try_cast(${text} AS DATE) END`
  }
  const isLocal = `${isWritten(text, written.local)} AND ${since}`
  const local = `try_cast(substring(${text}, 1, 26) AS TIMESTAMP_NTZ)`
  if (type === 'timestamp') return `CASE WHEN ${isLocal} THEN ${local} END`
  // A time without a zone is taken as UTC, which is the zone of the session; Spark reads a zone only behind seconds.
  const second = `regexp_replace(${text}, '^(.{16})([Z+-])', '$1:00$2')`
  const zoned = `try_cast(regexp_replace(${second}, '([.][0-9]{6})0+', '$1') AS TIMESTAMP)`
  return `CASE WHEN ${isWritten(text, written.zoned)} AND ${since} THEN ${zoned} WHEN ${isLocal} THEN try_cast(substring(${text}, 1, 26) AS TIMESTAMP) END`
}
