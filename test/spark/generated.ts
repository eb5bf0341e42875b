/** Feeds of every type and format, with values that fit, nearly fit, and do not, as files of delimited text. */
import fc from 'fast-check'
import type { FeedColumn, FeedContract, ValueFormat } from '../../contracts/data/feed-contract.ts'
import { column, contractOf } from '../compiler/contracts.ts'
import { fittingValue } from './fitting-values.ts'

export interface GeneratedFeed {
  readonly contract: FeedContract
  /** The bytes of the file. */
  readonly text: string
}

const spaces = fc.constantFrom('', '', '', ' ', '  ', '\t', '\u00a0', ' \u3000')
const digits = (most: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${most}}$`))

const words = fc.constantFrom(
  'Lamp',
  'größe',
  'İstanbul',
  'ß',
  '商品',
  '👩‍🚀',
  'e\u0301',
  '-',
  'N/A',
  'n/a',
  'null',
  '0',
  '00',
  "'",
  '$x',
  `$${'{x}'}`,
  '\\',
  '\\n',
  '\u200b',
  '~',
)
const junk = fc.oneof(
  words,
  fc.string({ unit: 'grapheme', maxLength: 8 }).filter(text => !/[\r\n\0]/.test(text)),
)

const sign = fc.constantFrom('', '', '-', '+')
const numbers = fc.oneof(
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }).map(String),
  fc.double({ noNaN: true }).map(String),
  fc
    .tuple(sign, digits(6), fc.constantFrom('', '.', ','), fc.oneof(fc.constant(''), digits(8)))
    .map(parts => parts.join('')),
  fc.tuple(sign, digits(22), digits(22)).map(([mark, whole, fraction]) => `${mark}${whole}.${fraction}`),
  fc.constantFrom(
    '1.200,00',
    '1,200.00',
    "1'200",
    '1 200',
    '1.200.300',
    '12.00',
    '1.20',
    '1,2,3',
    '12.345,6',
    '.5',
    '5.',
    '-.5',
    '-0',
    '0.0',
    '1e5',
    '1E-7',
    '1d',
    '1f',
    '0x10',
    'NaN',
    'Infinity',
    '1_000',
    '١٢',
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775808',
    '2147483648',
    '0.1234567890123456',
    '0.12345678901234567',
    '5.192564233796199e+16',
    '5.1925642337961992e16',
    '1.6866378140390973e+17',
    '1e400',
    '1e-400',
    '123456789012345.670',
    '4.9e-324',
    '00.5',
    '007',
    '1.50000000000000000000000000000000000000000',
  ),
)

const two = fc.integer({ min: 0, max: 62 }).map(value => String(value).padStart(2, '0'))
const year = fc.oneof(
  fc.integer({ min: 1900, max: 2100 }).map(String),
  fc.constantFrom('0000', '0001', '0999', '1582', '9999', '10000', '24', '68', '69'),
)
const zone = fc.constantFrom(
  '',
  'Z',
  '+01:00',
  '+0130',
  '-05',
  '+14:00',
  '+14:59',
  '+15:00',
  '+18:00',
  '+1:00',
  ' +01:00',
  'z',
  ' UTC',
)
const month = fc.oneof(
  fc.integer({ min: 0, max: 13 }).map(value => String(value).padStart(2, '0')),
  fc.integer({ min: 1, max: 12 }).map(String),
)
const day = fc.oneof(
  fc.integer({ min: 1, max: 31 }).map(value => String(value).padStart(2, '0')),
  fc.constantFrom('0', '00', '1', '30', '31', '32'),
)
const hour = fc.oneof(
  fc.integer({ min: 0, max: 25 }).map(value => String(value).padStart(2, '0')),
  fc.constantFrom('9', '12', '24'),
)
const fraction = fc.oneof(
  fc.constant(''),
  digits(9).map(text => `.${text}`),
  fc.constantFrom('.', '.000', '.1234560', '.1234567'),
)
const monthName = fc.constantFrom('Jan', 'feb', 'MAR', 'May', 'Juni', 'January', 'september', 'Sept', 'Dec')
const moments = fc.oneof(
  fc.tuple(year, month, day).map(([y, m, d]) => `${y}-${m}-${d}`),
  fc.tuple(day, month, year, fc.constantFrom('.', '/', '-')).map(([d, m, y, mark]) => [d, m, y].join(mark)),
  fc
    .tuple(
      year,
      month,
      day,
      fc.constantFrom('T', ' ', 't', '  '),
      hour,
      two,
      fc.oneof(
        fc.constant(''),
        two.map(second => `:${second}`),
      ),
      fraction,
      zone,
    )
    .map(
      ([y, m, d, mark, h, minute, second, part, offset]) =>
        `${y}-${m}-${d}${mark}${h}:${minute}${second}${part}${offset}`,
    ),
  fc.tuple(day, monthName, year).map(([d, m, y]) => `${d} ${m} ${y}`),
  fc
    .tuple(fc.constantFrom('Mon', 'tue', 'Wednesday', 'SUN'), day, monthName, year)
    .map(([w, d, m, y]) => `${w}, ${d} ${m} ${y}`),
  fc
    .tuple(month, day, year, hour, two, fc.constantFrom('AM', 'pm', 'a.m.'))
    .map(([m, d, y, h, minute, half]) => `${m}/${d}/${y} ${h}:${minute} ${half}`),
  fc
    .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map(date => date.toISOString()),
)

const truths = fc.constantFrom(
  'true',
  'TRUE',
  'false',
  'yes',
  'No',
  'ja',
  'nein',
  'Y',
  'n',
  '1',
  '0',
  'İ',
  'i',
  'ß',
  'SS',
  'on',
)

const numberFormats: readonly ValueFormat[] = [
  { kind: 'number', decimal: '.', group: '' },
  { kind: 'number', decimal: ',', group: '' },
  { kind: 'number', decimal: ',', group: '.' },
  { kind: 'number', decimal: '.', group: ',' },
  { kind: 'number', decimal: '.', group: "'" },
  { kind: 'number', decimal: ',', group: ' ' },
]
const patterns = [
  '%d.%m.%Y',
  '%Y%m%d',
  '%m/%d/%Y',
  '%-d/%-m/%Y',
  '%d %b %Y',
  '%-d %B %Y',
  '%d-%m-%y',
  '%a, %d %b %Y',
  '%m/%d/%Y %I:%M %p',
  '%Y-%m-%d %H:%M',
  '%Y-%m-%dT%H:%M:%S.%f',
  '%d.%m.%Y %H:%M:%S',
  '%Y-%m-%dT%H:%M:%S%z',
  '%Y-%m-%d %H:%M:%S %z',
  '%Y/%m',
  '(%Y)',
]

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 })
const types = [
  'string',
  'boolean',
  'int',
  'long',
  'double',
  'date',
  'timestamp',
  'timestamptz',
  'decimal(5,0)',
  'decimal(9,2)',
  'decimal(18,4)',
  'decimal(38,0)',
  'decimal(38,18)',
  'decimal(38,38)',
]

const formatFor = (type: string): fc.Arbitrary<ValueFormat | undefined> => {
  if (type === 'string') return fc.constant(undefined)
  if (type === 'boolean')
    return optional(
      fc.constantFrom<ValueFormat>(
        { kind: 'boolean', true: ['ja', 'Y', '1'], false: ['nein', 'N', '0'] },
        { kind: 'boolean', true: ['i', 'SS'], false: ['on'] },
      ),
    )
  if (type === 'date')
    return optional(fc.constantFrom(...patterns).map(pattern => ({ kind: 'date' as const, pattern })))
  if (type.startsWith('timestamp'))
    return optional(fc.constantFrom(...patterns).map(pattern => ({ kind: 'timestamp' as const, pattern })))
  return optional(fc.constantFrom(...numberFormats))
}

const valueFor = (type: string, format: ValueFormat | undefined): fc.Arbitrary<string> => {
  const own =
    type === 'string'
      ? junk
      : type === 'boolean'
        ? truths
        : type === 'date' || type.startsWith('timestamp')
          ? moments
          : numbers
  return fc.oneof(
    { weight: 60, arbitrary: fittingValue(type, format) },
    { weight: 8, arbitrary: own },
    { weight: 1, arbitrary: junk },
    { weight: 1, arbitrary: fc.constantFrom('', ' ', '\u00a0', '\t', 'N/A', ' N/A ', '-') },
    { weight: 2, arbitrary: fc.tuple(spaces, own, spaces).map(parts => parts.join('')) },
  )
}

const anyColumn = (index: number): fc.Arbitrary<{ column: FeedColumn; value: fc.Arbitrary<string> }> =>
  fc.constantFrom(...types).chain(type =>
    fc.record({ format: formatFor(type), nullable: fc.boolean() }).map(({ format, nullable }) => ({
      column: column(`c${index}`, type, { nullable: nullable || index > 0, ...(format && { format }) }),
      value: valueFor(type, format),
    })),
  )

const quoted = (value: string, delimiter: string, always: boolean): string =>
  always || value.includes(delimiter) || value.includes('"') ? `"${value.replaceAll('"', '""')}"` : value

export const anyFeed: fc.Arbitrary<GeneratedFeed> = fc.integer({ min: 2, max: 6 }).chain(width =>
  fc
    .record({
      columns: fc.tuple(...Array.from({ length: width }, (_, index) => anyColumn(index))),
      delimiter: fc.constantFrom(',', ';', '|', '\t', '^'),
      lineTerminator: fc.constantFrom('lf' as const, 'crlf' as const),
      headerRows: fc.constantFrom(0 as const, 1 as const),
      nullTokens: fc.constantFrom<string[]>([], ['N/A'], ['-', 'null', '00'], ['\u00a0x']),
      style: fc.constantFrom('plain', 'quoted', 'broken'),
    })
    .chain(({ columns, delimiter, lineTerminator, headerRows, nullTokens, style }) => {
      const record = fc.tuple(...columns.map(({ value }) => value))
      return fc.array(record, { minLength: 1, maxLength: 25 }).chain(records =>
        fc.infiniteStream(fc.nat(9)).map(dice => {
          const mark = lineTerminator === 'lf' ? '\n' : '\r\n'
          const lineOf = (values: readonly string[]): string => {
            if (style !== 'plain') {
              const line = values.map(value => quoted(value, delimiter, dice.next().value === 0)).join(delimiter)
              if (style === 'quoted' || dice.next().value > 1) return line
              return [
                '"open',
                line.replace(delimiter, ''),
                `${line}${delimiter}`,
                `${line}${delimiter}more`,
                `${line}"`,
              ][dice.next().value % 5]!
            }
            const line = values.map(value => value.replaceAll('"', '').replaceAll(delimiter, '')).join(delimiter)
            const twist = dice.next().value
            return twist === 0
              ? line.replace(delimiter, '')
              : twist === 1
                ? `${line}${delimiter}`
                : twist === 2
                  ? `${line}${delimiter}x`
                  : line
          }
          const header = columns.map(({ column: { name } }) => name).join(delimiter)
          const lines = [...(headerRows === 1 ? [header] : []), ...records.map(lineOf)]
          const contract = contractOf(
            columns.map(each => each.column),
            {
              nullTokens,
              format: { ...contractOf([column('x', 'string')]).format, delimiter, lineTerminator, headerRows } as never,
            },
          )
          return { contract, text: `${lines.join(mark)}${mark}` }
        }),
      )
    }),
)
