/**
 * How a text that is a value of its type is written, as regular expressions that every engine takes: what they let pass is cast, and
 * nothing else is. A text fits if it is equal after canonical formatting, see the design of values in each engine's `values.ts`.
 */
import type { ValueFormat } from '../../contracts/data/feed-contract.ts'
import type { Decimal } from './types.ts'

const zone = '(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)'

/** A day and a time of it; seconds and their fraction may be left out, beyond microseconds there are only zeros. */
const moment = '[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6}0*)?)?'

export const written = {
  /** A mark with nothing behind it adds nothing, nor does the sign of a zero. */
  whole: '-?(0|[1-9][0-9]*)[.]?',
  /** No leading zeros but one, at least one digit, and beyond the scale only zeros. */
  decimal: ({ scale }: Decimal): string =>
    `-?((0|[1-9][0-9]*)([.][0-9]{0,${scale}}0*)?|[.]${scale === 0 ? '0+' : `[0-9]{1,${scale}}0*`})`,
  double: '-?((0|[1-9][0-9]*)([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?',
  day: '[0-9]{4}-[0-9]{2}-[0-9]{2}',
  local: moment,
  zoned: `${moment}${zone}`,
} as const

/** What a double surely holds. With more digits the text might come back changed. */
export const exactDigits = 15

/** How an engine writes a text, and the test that a text is one of a regular expression. */
export interface TextDialect {
  literal(text: string): string
  isWritten(text: string, regex: string): string
}

/**
 * SQL of the number in the engine's own notation, without group marks and with a decimal point; a text that does not follow its format
 * becomes one that no cast accepts.
 */
export function plainNumber(text: string, format: ValueFormat | undefined, dialect: TextDialect): string {
  if (format?.kind !== 'number' || (format.decimal === '.' && format.group === '')) return text
  const { decimal, group } = format
  if (group === '') return `translate(${text}, ',.', '.x')`
  const foreign = decimal === ',' && group !== '.' ? '.' : ''
  const from = decimal === ',' ? `,${foreign}${group}` : group
  const to = decimal === ',' ? `.${foreign === '' ? '' : 'x'}` : ''
  const translated = `translate(${text}, ${dialect.literal(from)}, ${dialect.literal(to)})`
  const grouped = `-?[1-9][0-9]{0,2}([${group}][0-9]{3})+([${decimal}][0-9]*)?`
  return `CASE WHEN contains(${text}, ${dialect.literal(group)}) AND NOT ${dialect.isWritten(text, grouped)} THEN 'x' ELSE ${translated} END`
}
