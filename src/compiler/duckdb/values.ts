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
import { decimalOf } from '../types.ts'
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
  return {
    branches: [
      { when: oneOf(words.true), gives: 'true' },
      { when: oneOf(words.false), gives: 'false' },
    ],
  }
}

function numberFitting(text: string, type: string, format: ValueFormat | undefined): Fitting {
  const plain = plainNumber(text, format)
  const cast = `TRY_CAST(${plain} AS ${duckdbType(type)})`
  const back = `CAST(${cast} AS VARCHAR) = ${plain}`
  if (type === 'int' || type === 'long') {
    // A mark with nothing behind it adds nothing, nor does the sign of a zero.
    const marked = `regexp_full_match(${plain}, '-?(0|[1-9][0-9]*)[.]?') AND ${cast} IS NOT NULL`
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
          { when: slowDouble(plain, cast), gives: cast },
        ],
      }
    : {
        branches: [
          { when: back, gives: cast },
          { when: slowDecimal(plain, cast, decimal.scale), gives: cast },
        ],
      }
}

/** No leading zeros but one, at least one digit, and beyond the scale only zeros. */
function slowDecimal(plain: string, cast: string, scale: number): string {
  const written = `-?((0|[1-9][0-9]*)(\\.[0-9]{0,${scale}}0*)?|\\.([0-9]{1,${Math.max(scale, 1)}}0*))`
  return `regexp_full_match(${plain}, '${written}') AND ${cast} IS NOT NULL`
}

/** A double holds any fifteen digits; with more, the text might come back changed. */
function slowDouble(plain: string, cast: string): string {
  const written = `regexp_full_match(${plain}, '-?((0|[1-9][0-9]*)(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]+)?')`
  const digits = `length(regexp_replace(regexp_replace(${plain}, '[eE].*$', ''), '^[-0.]+|\\.|0+$', '', 'g'))`
  return `CASE WHEN ${written} AND isfinite(${cast}) THEN CASE WHEN strlen(${plain}) <= 15 THEN true ELSE ${digits} <= 15 END END`
}

/**
 * The number in the engine's own notation, without group marks and with a decimal point; a text that does not follow its format becomes one
 * that no cast accepts, or null where groups stand wrong.
 */
function plainNumber(text: string, format: ValueFormat | undefined): string {
  if (format?.kind !== 'number' || (format.decimal === '.' && format.group === '')) return text
  const { decimal, group } = format
  if (group === '') return `translate(${text}, ',.', '.x')`
  const inClass = group === '.' ? '\\.' : group
  const grouped = `-?[1-9][0-9]{0,2}(${inClass}[0-9]{3})+(${decimal === '.' ? '\\.' : ','}[0-9]*)?`
  const foreign = decimal === ',' && group !== '.' ? '.' : ''
  const from = decimal === ',' ? `,${foreign}${group}` : group
  const to = decimal === ',' ? `.${foreign === '' ? '' : 'x'}` : ''
  const translated = `translate(${text}, ${quoteLiteral(from)}, ${quoteLiteral(to)})`
  return `CASE WHEN contains(${text}, ${quoteLiteral(group)}) AND NOT regexp_full_match(${text}, ${quoteLiteral(grouped)}) THEN 'x' ELSE ${translated} END`
}

/** Dates and times without a pattern: ISO 8601, as the engine writes them, `T` or a space between date and time. */
function momentFitting(text: string, type: string): Fitting {
  if (type === 'date') {
    const cast = `TRY_CAST(${text} AS DATE)`
    return { branches: [{ when: `strlen(${text}) = 10 AND CAST(${cast} AS VARCHAR) = ${text}`, gives: cast }] }
  }
  const time = '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6}0*)?)?'
  const zone = '(Z|[+-][0-9]{2}(:?[0-9]{2})?)'
  const local = `TRY_CAST(${text} AS TIMESTAMP)`
  if (type === 'timestamp') {
    const quick = { when: `strlen(${text}) = 19 AND CAST(${local} AS VARCHAR) = ${text}`, gives: local }
    return {
      branches: [quick, { when: `regexp_full_match(${text}, '${time}') AND ${local} IS NOT NULL`, gives: local }],
    }
  }
  const zoned = `TRY_CAST(${text} AS TIMESTAMPTZ)`
  return {
    branches: [
      { when: `regexp_full_match(${text}, '${time}${zone}') AND ${zoned} IS NOT NULL`, gives: zoned },
      // A time without a zone is taken as UTC: a session's own zone must not change what is stored.
      {
        when: `regexp_full_match(${text}, '${time}') AND ${local} IS NOT NULL`,
        gives: `(${local} AT TIME ZONE 'UTC')`,
      },
    ],
  }
}

/** Dates and times by a strptime pattern: formatting the value again has to give the text back. */
function patternFitting(text: string, type: string, pattern: string): Fitting {
  const quoted = quoteLiteral(pattern)
  const parsed = `try_strptime(${text}, ${quoted})`
  if (/%z/i.test(pattern)) {
    const zoned = type === 'timestamptz' ? parsed : `CAST(${parsed} AT TIME ZONE 'UTC' AS ${duckdbType(type)})`
    return { branches: [{ when: `${parsed} IS NOT NULL`, gives: zoned }] }
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
