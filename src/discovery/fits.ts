/** Whether a text fits a column of a contract. Pure. */
import type { FeedColumn } from '../../contracts/data/feed-contract.ts'
import { isoTime, parseTime } from './dates.ts'
import { digitsOf, isScientific, type NumberFormat, plainNumber } from './numbers.ts'

const limits: Readonly<Record<string, number>> = { int: 9, long: 18 }

/** `text` is trimmed and is no null token. */
export function fitsColumn(column: Pick<FeedColumn, 'type' | 'format'>, text: string): boolean {
  const { type, format } = column
  if (type === 'string') return true
  if (type === 'boolean') {
    const known = format?.kind === 'boolean' ? [...format.true, ...format.false] : ['true', 'false']
    return known.some(one => one.toLowerCase() === text.toLowerCase())
  }
  if (type === 'date' || type === 'timestamp' || type === 'timestamptz') {
    if (format?.kind === 'date' || format?.kind === 'timestamp') return parseTime(text, format.pattern) !== undefined
    if (type === 'date') return parseTime(text, '%Y-%m-%d') !== undefined
    const found = isoTime(text)
    return found === 'local' || (found === 'zoned' && type === 'timestamptz')
  }
  const written: NumberFormat = format?.kind === 'number' ? format : plainNumber
  if (type === 'double' && isScientific(text)) return true
  const digits = digitsOf(text, written)
  if (digits === undefined) return false
  const decimal = /^decimal\((\d+),(\d+)\)$/.exec(type)
  if (decimal !== null)
    return digits.significant <= Number(decimal[2]) && digits.whole <= Number(decimal[1]) - Number(decimal[2])
  return type === 'double' || (digits.fraction === 0 && digits.whole <= (limits[type] ?? 0))
}
