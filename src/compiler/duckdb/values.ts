/**
 * Text → typed value in DuckDB SQL, or null where the text does not fit the type.
 *
 * A text fits if it is equal after canonical formatting: `1.50` fits a decimal, `0012345` fits no number, `1.505` fits no
 * `decimal(18,2)`. Engines' casts are more generous than that (`1e2`, `0x10`, `1_000`, `3.7` → 4), so a cast alone never decides.
 *
 * Every test has two steps, because this runs once per value of a file: `quick` is true for what is already written as the engine
 * would write it (one cast there and back, about 15 ns), and `slow` decides the others by a regular expression. The steps go into
 * one `CASE`, whose branches see only the rows the earlier ones left over; `AND` and `OR` would compute both for all.
 */
import type { ValueFormat } from '../../../contracts/data/feed-contract.ts'
import { quoteLiteral } from '../../lakehouse/identifiers.ts'
import { partsOf, plainPatterns, regexOf } from '../time-pattern.ts'
import { decimalOf } from '../types.ts'
import { exactDigits, plainNumber, written } from '../value-text.ts'
import { duckdbType } from './types.ts'

export interface Fitting {
  /** The steps in order; the first whose `when` holds gives the value. None holds: the text does not fit. */
  readonly branches: readonly { readonly when: string; readonly gives: string }[]
}

/** The typed value of a text that is never null, or null. */
export function fittedValue(text: string, type: string, format?: ValueFormat): string {
  const branches = fitting(text, type, format).branches.map(({ when, gives }) => `WHEN ${when} THEN ${gives}`)
  return `CASE ${branches.join(' ')} END`
}

/** @param text a SQL operand of type VARCHAR: a quoted column. */
export function fitting(text: string, type: string, format?: ValueFormat): Fitting {
  switch (type) {
    case 'string':
      return { branches: [{ when: 'true', gives: text }] }
    case 'boolean':
      return truthFitting(text, format)
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return format?.kind === 'date' || format?.kind === 'timestamp'
        ? patternFitting(text, type, format.pattern)
        : momentFitting(text, type)
    default:
      return numberFitting(text, type, format)
  }
}

function truthFitting(text: string, format: ValueFormat | undefined): Fitting {
  const words = format?.kind === 'boolean' ? format : { true: ['true'], false: ['false'] }
  const oneOf = (tokens: readonly string[]): string =>
    `lower(${text}) IN (${tokens.map(token => quoteLiteral(token.toLowerCase())).join(', ')})`
  const [yes, no] = [words.true[0] ?? '', words.false[0] ?? '']
  return {
    branches: [
      // As the format has them, unless both are one in lower case.
      ...(yes.toLowerCase() === no.toLowerCase()
        ? []
        : [
            { when: `${text} = ${quoteLiteral(yes)}`, gives: 'true' },
            { when: `${text} = ${quoteLiteral(no)}`, gives: 'false' },
          ]),
      { when: oneOf(words.true), gives: 'true' },
      { when: oneOf(words.false), gives: 'false' },
    ],
  }
}

function numberFitting(text: string, type: string, format: ValueFormat | undefined): Fitting {
  const plain = plainNumber(text, format, { literal: quoteLiteral, isWritten })
  const cast = `TRY_CAST(${plain} AS ${duckdbType(type)})`
  const back = `CAST(${cast} AS VARCHAR) = ${plain}`
  if (type === 'int' || type === 'long') {
    const marked = `${isWritten(plain, written.whole)} AND ${cast} IS NOT NULL`
    return {
      branches: [
        { when: back, gives: cast },
        { when: marked, gives: cast },
      ],
    }
  }
  const decimal = decimalOf(type)
  return decimal === undefined
    ? {
        branches: [
          { when: `${back} AND isfinite(${cast})`, gives: cast },
          // A whole number, which the engine writes with a point and a zero.
          {
            when: `strlen(${plain}) <= ${exactDigits} AND CAST(TRY_CAST(${plain} AS BIGINT) AS VARCHAR) = ${plain}`,
            gives: cast,
          },
          { when: slowDouble(plain, cast), gives: cast },
        ],
      }
    : {
        branches: [
          { when: back, gives: cast },
          { when: `${isWritten(plain, written.decimal(decimal))} AND ${cast} IS NOT NULL`, gives: cast },
        ],
      }
}

/** With more than fifteen digits, they have to be those that the double itself is written with. */
function slowDouble(plain: string, cast: string): string {
  const digits = digitsOf(plain)
  const exact = `CASE WHEN strlen(${plain}) <= ${exactDigits} THEN true WHEN length(${digits}) <= ${exactDigits} THEN true ELSE ${digits} = ${digitsOf(`CAST(${cast} AS VARCHAR)`)} END`
  return `CASE WHEN ${isWritten(plain, written.double)} AND isfinite(${cast}) THEN ${exact} END`
}

/** The digits of a number, without zeros at either end: what it says but for its magnitude. */
const digitsOf = (text: string): string =>
  `regexp_replace(regexp_replace(${text}, '[eE].*$|[.]|-', '', 'g'), '^0+|0+$', '', 'g')`

const isWritten = (text: string, regex: string): string => `regexp_full_match(${text}, ${quoteLiteral(regex)})`

/** Dates and times without a pattern: ISO 8601, as the engine writes them, `T` or a space between date and time. */
function momentFitting(text: string, type: string): Fitting {
  if (type === 'date') return { branches: [quickMoment(text, type)] }
  const local = `TRY_CAST(${text} AS TIMESTAMP)`
  // The engine has a year 0.
  const isLocal = `${isWritten(text, written.local)} AND ${text} >= '0001' AND ${local} IS NOT NULL`
  if (type === 'timestamp') {
    return { branches: [quickMoment(text, type), { when: isLocal, gives: local }] }
  }
  // Some zones are read only behind seconds.
  const zoned = `TRY_CAST(regexp_replace(${text}, '^(.{16})([Z+-])', '\\1:00\\2') AS TIMESTAMPTZ)`
  return {
    branches: [
      { when: `${isWritten(text, written.zoned)} AND ${text} >= '0001' AND ${zoned} IS NOT NULL`, gives: zoned },
      // A time without a zone is taken as UTC: a session's own zone must not change what is stored.
      { when: isLocal, gives: `(${local} AT TIME ZONE 'UTC')` },
    ],
  }
}

/** As the engine itself writes it, to the second. */
function quickMoment(text: string, type: string): Fitting['branches'][number] {
  const cast = `TRY_CAST(${text} AS ${duckdbType(type)})`
  return { when: `strlen(${text}) = ${type === 'date' ? 10 : 19} AND CAST(${cast} AS VARCHAR) = ${text}`, gives: cast }
}

/** Dates and times by a strptime pattern: formatting the value again has to give the text back. */
function patternFitting(text: string, type: string, pattern: string): Fitting {
  if (pattern === plainPatterns[type]) return { branches: [quickMoment(text, type)] }
  const quoted = quoteLiteral(pattern)
  const parsed = `try_strptime(${text}, ${quoted})`
  if (/%z/i.test(pattern)) {
    const zoned = type === 'timestamptz' ? parsed : `CAST(${parsed} AT TIME ZONE 'UTC' AS ${duckdbType(type)})`
    const regex = regexOf(partsOf(pattern))
    const asWritten = regex === undefined ? [] : [`regexp_full_match(${text}, ${quoteLiteral(regex)}, 'i')`]
    return { branches: [{ when: [...asWritten, `${parsed} IS NOT NULL`].join(' AND '), gives: zoned }] }
  }
  const again = `strftime(${parsed}, ${quoted})`
  const same = sameMoment(again, text, pattern)
  const value =
    type === 'timestamp' ? parsed : type === 'date' ? `CAST(${parsed} AS DATE)` : `(${parsed} AT TIME ZONE 'UTC')`
  return { branches: [{ when: same, gives: value }] }
}

/** Names of days and months in any case; a fraction at the end with as many digits as it needs. */
function sameMoment(again: string, text: string, pattern: string): string {
  if (pattern.endsWith('%f')) return `rtrim(${again}, '0') = rtrim(${text}, '0')`
  return /%[aAbBp]/.test(pattern) ? `lower(${again}) = lower(${text})` : `${again} = ${text}`
}
