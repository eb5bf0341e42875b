/** Values that fit their column, written in each of the ways that the column's format allows. */
import fc from 'fast-check'
import type { ValueFormat } from '../../contracts/data/feed-contract.ts'
import { decimalOf } from '../../src/compiler/types.ts'

export function fittingValue(type: string, format: ValueFormat | undefined): fc.Arbitrary<string> {
  if (type === 'string') return fc.stringMatching(/^[A-Za-z0-9 äöü商]{1,12}$/)
  if (type === 'boolean') {
    const words = format?.kind === 'boolean' ? [...format.true, ...format.false] : ['true', 'false']
    return fc.tuple(fc.constantFrom(...words), fc.boolean()).map(([word, upper]) => (upper ? word.toUpperCase() : word))
  }
  if (type === 'date' || type.startsWith('timestamp')) {
    const dates = fc.date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    if (format?.kind === 'date' || format?.kind === 'timestamp') {
      const recent = fc.date({ min: new Date('1969-01-01'), max: new Date('2068-12-31'), noInvalidDate: true })
      return (format.pattern.includes('%y') ? recent : dates).map(date => byPattern(date, format.pattern))
    }
    return fc
      .tuple(dates, zones, fc.constantFrom('T', ' '))
      .map(([date, zone, mark]) => isoText(date, type, zone, mark))
  }
  return numberText(type).map(text => marked(text, format))
}

const zones = fc.constantFrom('', 'Z', '+01:00', '-0530', '+14')

function isoText(date: Date, type: string, zone: string, mark: string): string {
  const [day = '', time = ''] = date.toISOString().slice(0, -1).split('T')
  return type === 'date' ? day : `${day}${mark}${time}${type === 'timestamptz' ? zone : ''}`
}

function numberText(type: string): fc.Arbitrary<string> {
  if (type === 'int') return fc.integer().map(String)
  if (type === 'long') return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)
  if (type === 'double')
    return fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc.float({ noNaN: true, noDefaultInfinity: true }).map(value => value.toPrecision(6)),
    )
  const { precision, scale } = decimalOf(type)!
  return fc.tuple(fc.integer({ min: 1, max: precision }), fc.boolean()).chain(([length, negative]) =>
    fc.stringMatching(new RegExp(`^[1-9][0-9]{${length - 1}}$`)).map(all => {
      const padded = all.padStart(scale + 1, '0')
      const whole = padded.slice(0, padded.length - scale)
      return `${negative ? '-' : ''}${whole}${scale === 0 ? '' : `.${padded.slice(padded.length - scale)}`}`
    }),
  )
}

function marked(text: string, format: ValueFormat | undefined): string {
  if (format?.kind !== 'number') return text
  const [whole = '', fraction] = text.split('.')
  // An exponent is of no use with groups.
  const grouped = text.includes('e') ? whole : whole.replace(/\B(?=(\d{3})+$)/g, format.group)
  return fraction === undefined ? grouped : `${grouped}${format.decimal}${fraction}`
}

const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']

function byPattern(date: Date, pattern: string): string {
  const two = (value: number) => String(value).padStart(2, '0')
  const hour12 = ((date.getUTCHours() + 11) % 12) + 1
  const fields: Readonly<Record<string, string>> = {
    Y: String(date.getUTCFullYear()).padStart(4, '0'),
    y: two(date.getUTCFullYear() % 100),
    m: two(date.getUTCMonth() + 1),
    d: two(date.getUTCDate()),
    H: two(date.getUTCHours()),
    I: two(hour12),
    M: two(date.getUTCMinutes()),
    S: two(date.getUTCSeconds()),
    f: `${String(date.getUTCMilliseconds()).padStart(3, '0')}000`,
    p: date.getUTCHours() < 12 ? 'AM' : 'pm',
    b: months[date.getUTCMonth()]!.slice(0, 3).toUpperCase(),
    B: months[date.getUTCMonth()]!,
    a: days[date.getUTCDay()]!.slice(0, 3),
    A: days[date.getUTCDay()]!,
    z: '+0200',
  }
  return pattern.replace(/%(-?)([A-Za-z])/g, (_, bare: string, letter: string) =>
    bare === '-' ? String(Number(fields[letter])) : fields[letter]!,
  )
}
