/** What is said of a value that does not fit its column: the same code and words on every engine. */
import type { FeedColumn } from '../../contracts/data/feed-contract.ts'
import { decimalOf } from './types.ts'

/** So much of a value is shown in the message. */
export const shownCharacters = 80

export const misfitCode = (type: string): string =>
  `VALUE_NOT_${type.startsWith('decimal') ? 'DECIMAL' : type.startsWith('timestamp') ? 'TIMESTAMP' : type === 'int' ? 'LONG' : type.toUpperCase()}`

export const missingText = ({ name }: FeedColumn): string => `${name} has no value, and the contract requires one.`

/** What follows the value: `in price is no decimal(18,2): expected …`. */
export const misfitText = (column: FeedColumn): string =>
  `in ${column.name} is no ${column.type}: expected ${expectation(column)}.`

function expectation({ type, format }: FeedColumn): string {
  if (format?.kind === 'date' || format?.kind === 'timestamp') return `the pattern ${format.pattern}`
  if (type === 'boolean') {
    const words = format?.kind === 'boolean' ? format : { true: ['true'], false: ['false'] }
    return `${words.true.join(' or ')} for true, ${words.false.join(' or ')} for false`
  }
  if (type === 'date') return 'a day like 2026-12-31'
  if (type.startsWith('timestamp')) return 'a time like 2026-12-31 23:59:59'
  const marks = format?.kind === 'number' ? format : { decimal: '.', group: '' }
  const grouped = marks.group === '' ? '' : `, groups of three set off by "${marks.group}"`
  const decimal = decimalOf(type)
  if (decimal !== undefined) {
    return `at most ${decimal.precision - decimal.scale} digits before and ${decimal.scale} after "${marks.decimal}"${grouped}`
  }
  return type === 'double'
    ? `a number with "${marks.decimal}" as decimal mark${grouped}`
    : `a whole ${type === 'int' ? '32' : '64'}-bit number without leading zeros${grouped}`
}
