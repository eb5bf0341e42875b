/**
 * The narrowest type that a column's values fit, by the discovery policy. A value fits if writing it again in the column's format gives the same
 * text, canonically: `1.50` fits a decimal, `0012345` fits no integer. What could be read in two ways stays text, with a signal. Pure.
 */
import type { QualitySignal, ValueFormat } from '../../contracts/data/feed-contract.ts'
import type { DiscoveryPolicy } from '../../contracts/data/policy.ts'
import { hasZone, isoTime, parseTime } from './dates.ts'
import { digitsOf, isAmbiguousNumber, isScientific, type NumberFormat, numberFormats, plainNumber } from './numbers.ts'
import { type ColumnProfile, shareOf } from './profile.ts'
import { hasGs1CheckDigit } from './semantics.ts'
import { hasWord } from './words.ts'

export interface ProposedType {
  readonly type: string
  readonly format?: ValueFormat
  readonly fit: number
  readonly signals: readonly QualitySignal[]
  /** The formats that the values fit equally well and that read them differently, where the type was left text for that. */
  readonly readings?: readonly ValueFormat[]
}

export interface TypeContext {
  /** Decimal marks that other columns of the file leave no doubt about. */
  readonly decimals: ReadonlySet<'.' | ','>
  /** The whole file was looked at: digits need no room to grow. */
  readonly complete: boolean
}

/** More digits than a 64-bit integer surely holds, or than anybody counts. */
const longDigits = 16
const gtinLengths = [8, 12, 13, 14]

type Signal = (code: string, message: string) => QualitySignal

export function proposeType(
  name: string,
  profile: ColumnProfile,
  policy: DiscoveryPolicy,
  context: TypeContext,
): ProposedType {
  const signal: Signal = (code, message) => ({ code, column: name, message })
  const text = (...signals: QualitySignal[]): ProposedType => ({ type: 'string', fit: 1, signals })
  if (profile.present === 0) return text(signal('EMPTY_COLUMN', 'no record of the sample has a value'))
  const asIdentifier = identifierText(profile, policy, signal)
  if (asIdentifier !== undefined) return text(...asIdentifier)
  const flag = proposeBoolean(profile, policy)
  if (flag !== undefined) return flag
  const time = proposeTime(profile, policy, signal)
  const proposals = isCompactDate(profile, time) ? [time] : [proposeNumber(profile, policy, context, signal), time]
  const decided = proposals.find(one => one !== undefined && one.type !== 'string')
  const ambiguous = proposals.find(one => one !== undefined)
  return decided ?? ambiguous ?? text()
}

/** Signals where the column holds identifiers, undefined where it does not. */
function identifierText(profile: ColumnProfile, policy: DiscoveryPolicy, signal: Signal): QualitySignal[] | undefined {
  const word = hasWord(profile.sourceName, policy.identifierWords)
  if (
    shareOf(profile, value => !isScientific(value)) < 1 &&
    (word !== undefined || shareOf(profile, value => !/[eE]\+\d\d/.test(value)) < 1)
  ) {
    return [
      signal('SCIENTIFIC_NOTATION', `digits were lost before the file was written: ${example(profile, isScientific)}`),
    ]
  }
  if (word !== undefined) return []
  const zeros = (value: string) => /^0\d+$/.test(value)
  if (shareOf(profile, value => !zeros(value)) < 1)
    return [signal('LEADING_ZEROS', `kept as text for values like ${example(profile, zeros)}`)]
  if (shareOf(profile, value => /^\d+$/.test(value)) < policy.typeFit) return undefined
  if (profile.maxLength >= longDigits) return []
  const coded = shareOf(profile, value => gtinLengths.includes(value.length) && hasGs1CheckDigit(value))
  const proven = profile.counts.size >= 5 || profile.minLength >= 12
  return coded >= policy.typeFit && proven ? [] : undefined
}

function proposeBoolean(profile: ColumnProfile, policy: DiscoveryPolicy): ProposedType | undefined {
  // Counted flags (0 and 1) are numbers until somebody says otherwise.
  if (shareOf(profile, value => /^\d+$/.test(value)) === 1) return undefined
  for (const pair of policy.booleans) {
    const known = { true: pair.true.map(one => one.toLowerCase()), false: pair.false.map(one => one.toLowerCase()) }
    const side = (value: string) =>
      known.true.includes(value.toLowerCase())
        ? 'true'
        : known.false.includes(value.toLowerCase())
          ? 'false'
          : undefined
    const fit = shareOf(profile, value => side(value) !== undefined)
    if (fit < policy.typeFit) continue
    const sides = new Set([...profile.counts.keys()].map(side))
    // A single letter that is always the same may stand for anything.
    if (profile.maxLength === 1 && !(sides.has('true') && sides.has('false'))) continue
    return {
      type: 'boolean',
      format: { kind: 'boolean', true: [...pair.true], false: [...pair.false] },
      fit,
      signals: [],
    }
  }
  return undefined
}

function proposeNumber(
  profile: ColumnProfile,
  policy: DiscoveryPolicy,
  context: TypeContext,
  signal: Signal,
): ProposedType | undefined {
  if (shareOf(profile, value => /\d/.test(value)) < policy.typeFit) return undefined
  if (
    shareOf(profile, value => isScientific(value) || digitsOf(value, plainNumber) !== undefined) === 1 &&
    shareOf(profile, value => !isScientific(value)) < 1
  ) {
    return { type: 'double', fit: 1, signals: [] }
  }
  const fitting = numberFormats
    .map(format => ({ format, fit: shareOf(profile, value => digitsOf(value, format) !== undefined) }))
    .filter(({ fit }) => fit >= policy.typeFit)
    .sort((a, b) => b.fit - a.fit)
  const [best] = fitting
  if (best === undefined) return undefined
  const chosen = clearFormat(
    profile,
    fitting.filter(({ fit }) => fit === best.fit).map(({ format }) => format),
    context,
  )
  if (chosen === undefined) {
    return {
      type: 'string',
      fit: 1,
      signals: [
        signal('AMBIGUOUS_NUMBER', `${example(profile, isAmbiguousNumber)} can be read with or without decimals`),
      ],
      readings: readingsOfMarks(
        profile,
        fitting.filter(({ fit }) => fit === best.fit).map(({ format }) => format),
      ),
    }
  }
  return numberType(profile, chosen, best.fit, context)
}

/** The one format of equally good ones that the values, or else the other columns, leave no doubt about. */
function clearFormat(
  profile: ColumnProfile,
  formats: readonly NumberFormat[],
  context: TypeContext,
): NumberFormat | undefined {
  const values = [...profile.counts.keys()]
  const differ = values.some(isAmbiguousNumber)
  const marked = values.every(value => /^-?\d+$/.test(value) || isAmbiguousNumber(value))
  if (!differ || !marked) return formats[0]
  // All marked values have three digits behind the mark: thousands or thousandths.
  const mark = values.find(isAmbiguousNumber)?.includes(',') ? ',' : '.'
  const other = mark === ',' ? '.' : ','
  const asDecimal = formats.find(({ decimal, group }) => decimal === mark && group === '')
  const asGroup = formats.find(({ decimal, group }) => decimal === other && group === mark)
  if (context.decimals.has(mark) && !context.decimals.has(other)) return asDecimal
  if (context.decimals.has(other)) return context.decimals.has(mark) ? undefined : asGroup
  return mark === '.' ? asDecimal : undefined
}

function numberType(
  profile: ColumnProfile,
  format: NumberFormat,
  fit: number,
  context: TypeContext,
): ProposedType | undefined {
  let whole = 0
  let fraction = 0
  for (const value of profile.counts.keys()) {
    const digits = digitsOf(value, format)
    whole = Math.max(whole, digits?.whole ?? 0)
    fraction = Math.max(fraction, digits?.fraction ?? 0)
  }
  const written = format.decimal === '.' && format.group === '' ? {} : { format }
  if (fraction === 0) return whole <= 18 ? { type: 'long', ...written, fit, signals: [] } : undefined
  const scale = Math.max(fraction, context.complete ? 2 : 4)
  const precision = Math.max(18, whole + scale)
  return precision <= 38
    ? { type: `decimal(${precision},${scale})`, ...written, fit, signals: [] }
    : { type: 'double', ...written, fit, signals: [] }
}

function proposeTime(profile: ColumnProfile, policy: DiscoveryPolicy, signal: Signal): ProposedType | undefined {
  // ISO 8601 needs no pattern: fractions and seconds may be there or not.
  for (const [zone, type] of [
    ['zoned', 'timestamptz'],
    ['local', 'timestamp'],
  ] as const) {
    const fit = shareOf(profile, value => isoTime(value) === zone)
    if (fit >= policy.typeFit) return { type, fit, signals: [] }
  }
  for (const kind of ['date', 'timestamp'] as const) {
    const patterns = kind === 'date' ? policy.datePatterns : policy.timestampPatterns
    const fitting = patterns
      .map((pattern, order) => ({
        pattern,
        order,
        fit: shareOf(profile, value => parseTime(value, pattern) !== undefined),
      }))
      .filter(({ fit }) => fit >= policy.typeFit)
      .sort((a, b) => b.fit - a.fit || a.order - b.order)
    const [best, ...others] = fitting
    if (best === undefined) continue
    const rivals = best.fit === 1 ? others.filter(({ fit }) => fit === 1) : others
    const rival = contradicting(profile, best.pattern, rivals)
    if (rival !== undefined) {
      const message = `${[...profile.counts.keys()][0]} can be read as ${best.pattern} or ${rival.pattern}`
      const readings = [best, ...rivals].map(({ pattern }): ValueFormat => ({ kind, pattern }))
      return { type: 'string', fit: 1, signals: [signal('AMBIGUOUS_DATE', message)], readings }
    }
    return { type: timeType(kind, best.pattern), format: { kind, pattern: best.pattern }, fit: best.fit, signals: [] }
  }
  return undefined
}

const timeType = (kind: 'date' | 'timestamp', pattern: string): string =>
  kind === 'date' ? 'date' : hasZone(pattern) ? 'timestamptz' : 'timestamp'

/** The type in a format that somebody says the values have; undefined where too few of them fit it. */
export function typeInFormat(
  profile: ColumnProfile,
  format: ValueFormat,
  policy: DiscoveryPolicy,
  context: TypeContext,
): ProposedType | undefined {
  if (format.kind === 'boolean') return undefined
  const fits = (value: string) =>
    format.kind === 'number' ? digitsOf(value, format) !== undefined : parseTime(value, format.pattern) !== undefined
  const fit = shareOf(profile, fits)
  if (profile.present === 0 || fit < policy.typeFit) return undefined
  if (format.kind === 'number') return numberType(profile, format, fit, context)
  return { type: timeType(format.kind, format.pattern), format, fit, signals: [] }
}

/** Of formats that read the same values alike, the first. */
function readingsOfMarks(profile: ColumnProfile, formats: readonly NumberFormat[]): NumberFormat[] {
  const values = [...profile.counts.keys()]
  const read = (format: NumberFormat) => JSON.stringify(values.map(value => digitsOf(value, format)))
  return formats.filter((format, index) => formats.findIndex(other => read(other) === read(format)) === index)
}

/** `20241131` is a number; three different ones that are all days of our time are dates. */
function isCompactDate(profile: ColumnProfile, time: ProposedType | undefined): boolean {
  return (
    time?.type === 'date' &&
    profile.counts.size >= 3 &&
    time.fit === 1 &&
    shareOf(profile, value => /^(19[5-9]\d|20\d\d)\d{4}$/.test(value)) === 1
  )
}

const contradicting = (profile: ColumnProfile, pattern: string, others: readonly { readonly pattern: string }[]) =>
  others.find(other =>
    [...profile.counts.keys()].some(value => parseTime(value, other.pattern) !== parseTime(value, pattern)),
  )

const example = (profile: ColumnProfile, which: (value: string) => boolean): string =>
  JSON.stringify([...profile.counts.keys()].find(which)?.slice(0, 60) ?? '')
