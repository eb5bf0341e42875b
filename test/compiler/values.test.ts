import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ValueFormat } from '../../contracts/data/feed-contract.ts'
import { fittedValue } from '../../src/compiler/duckdb/values.ts'
import { fitsColumn } from '../../src/discovery/fits.ts'
import { literal, testEngine } from './engine.ts'

const engine = await testEngine()

/** The values of texts as the engine writes them, null for a text that does not fit. */
async function valuesOf(texts: readonly string[], type: string, format?: ValueFormat): Promise<(string | null)[]> {
  const given = texts.map((text, index) => `(${index}, ${literal(text)})`).join(', ')
  const rows = await engine.rows(
    `SELECT CAST(${fittedValue('"t"', type, format)} AS VARCHAR) AS value FROM (VALUES ${given}) AS given(i, t) ORDER BY i`,
  )
  return rows.map(row => row['value'] as string | null)
}

const comma: ValueFormat = { kind: 'number', decimal: ',', group: '' }
const german: ValueFormat = { kind: 'number', decimal: ',', group: '.' }
const english: ValueFormat = { kind: 'number', decimal: '.', group: ',' }
const swiss: ValueFormat = { kind: 'number', decimal: '.', group: "'" }
const french: ValueFormat = { kind: 'number', decimal: ',', group: ' ' }
const date = (pattern: string): ValueFormat => ({ kind: 'date', pattern })
const time = (pattern: string): ValueFormat => ({ kind: 'timestamp', pattern })

describe('a text fits its type if it is equal after canonical formatting', () => {
  test.each<[string, ValueFormat | undefined, [string, string | null][]]>([
    [
      'long',
      undefined,
      [
        ['5', '5'],
        ['-5', '-5'],
        ['0', '0'],
        ['9223372036854775807', '9223372036854775807'],
        ['9223372036854775808', null],
        ['0012345', null],
        ['+5', null],
        ['1e5', null],
        ['1_000', null],
        ['0x10', null],
        ['5.0', null],
        ['5.', '5'],
        ['3.7', null],
        ['٣', null],
        ['', null],
      ],
    ],
    [
      'int',
      undefined,
      [
        ['2147483647', '2147483647'],
        ['2147483648', null],
      ],
    ],
    [
      'long',
      english,
      [
        ['1,234,567', '1234567'],
        ['1234567', '1234567'],
        ['1,23', null],
        ['12,34,567', null],
        ['0,123', null],
        ['1,234.0', null],
      ],
    ],
    [
      'decimal(18,2)',
      undefined,
      [
        ['1.50', '1.50'],
        ['1.5', '1.50'],
        ['1', '1.00'],
        ['1.500', '1.50'],
        ['1.505', null],
        ['.5', '0.50'],
        ['5.', '5.00'],
        ['-0.05', '-0.05'],
        ['007.5', null],
        ['1e2', null],
        ['1,5', null],
        ['9999999999999999.99', '9999999999999999.99'],
        ['10000000000000000', null],
        ['.', null],
        ['-', null],
        ['nan', null],
      ],
    ],
    [
      'decimal(5,0)',
      undefined,
      [
        ['12345', '12345'],
        ['12345.0', '12345'],
        ['123456', null],
      ],
    ],
    [
      'decimal(18,2)',
      comma,
      [
        ['1,5', '1.50'],
        ['1.5', null],
        ['1.234,5', null],
        ['12', '12.00'],
      ],
    ],
    [
      'decimal(18,2)',
      german,
      [
        ['1.234,56', '1234.56'],
        ['1234,56', '1234.56'],
        ['1.2.34', null],
        ['1.5', null],
        ['1,234,5', null],
        ['1.234', '1234.00'],
      ],
    ],
    [
      'decimal(18,2)',
      english,
      [
        ['1,234.56', '1234.56'],
        ['1,5', null],
        ['1.234,56', null],
        ['1,234,567.8', '1234567.80'],
      ],
    ],
    [
      'decimal(18,2)',
      swiss,
      [
        ["1'234.50", '1234.50'],
        ["12'34", null],
      ],
    ],
    [
      'decimal(18,2)',
      french,
      [
        ['1 234,5', '1234.50'],
        ['1 23', null],
        ['1.5', null],
      ],
    ],
    [
      'double',
      undefined,
      [
        ['1.5', '1.5'],
        ['3', '3.0'],
        ['1e5', '100000.0'],
        ['1E-7', '1e-07'],
        ['0.1', '0.1'],
        ['1e999', null],
        ['nan', null],
        ['inf', null],
        ['0012', null],
        ['0.12345678901234567890123', null],
        ['123456789012345678', null],
        ['1000000000000000000', '1e+18'],
      ],
    ],
    [
      'boolean',
      undefined,
      [
        ['true', 'true'],
        ['FALSE', 'false'],
        ['1', null],
        ['yes', null],
      ],
    ],
    [
      'boolean',
      { kind: 'boolean', true: ['Ja', 'x'], false: ['Nein'] },
      [
        ['ja', 'true'],
        ['X', 'true'],
        ['nein', 'false'],
        ['true', null],
      ],
    ],
    [
      'date',
      undefined,
      [
        ['2024-02-29', '2024-02-29'],
        ['2023-02-29', null],
        ['2024-1-5', null],
        ['2024-01-05 00:00:00', null],
        ['infinity', null],
        ['epoch', null],
        ['10000-01-01', null],
      ],
    ],
    [
      'date',
      date('%d.%m.%Y'),
      [
        ['05.01.2024', '2024-01-05'],
        ['5.1.2024', null],
        ['31.02.2024', null],
        ['05.01.24', null],
      ],
    ],
    [
      'date',
      date('%-d/%-m/%Y'),
      [
        ['5/1/2024', '2024-01-05'],
        ['05/01/2024', null],
      ],
    ],
    [
      'date',
      date('%d %b %Y'),
      [
        ['05 JAN 2024', '2024-01-05'],
        ['05 Jänner 2024', null],
      ],
    ],
    [
      'timestamp',
      undefined,
      [
        ['2024-01-05 10:20:30', '2024-01-05 10:20:30'],
        ['2024-01-05T10:20:30', '2024-01-05 10:20:30'],
        ['2024-01-05 10:20:30.500', '2024-01-05 10:20:30.5'],
        ['2024-01-05 10:20', '2024-01-05 10:20:00'],
        ['2024-01-05', null],
        ['2024-01-05T10:20:30Z', null],
        ['2024-01-05 25:00:00', null],
        ['infinity', null],
      ],
    ],
    [
      'timestamp',
      time('%d.%m.%Y %H:%M'),
      [
        ['05.01.2024 10:20', '2024-01-05 10:20:00'],
        ['05.01.2024', null],
      ],
    ],
    [
      'timestamp',
      time('%Y-%m-%d %H:%M:%S.%f'),
      [
        ['2024-01-05 10:20:30.5', '2024-01-05 10:20:30.5'],
        ['2024-01-05 10:20:30.500000', '2024-01-05 10:20:30.5'],
      ],
    ],
    [
      'timestamptz',
      undefined,
      [
        ['2024-07-05T10:20:30Z', '2024-07-05 06:20:30-04'],
        ['2024-07-05T10:20:30+02:00', '2024-07-05 04:20:30-04'],
        ['2024-07-05T10:20:30+0200', '2024-07-05 04:20:30-04'],
        ['2024-07-05 10:20:30', '2024-07-05 06:20:30-04'],
        ['2024-07-05', null],
      ],
    ],
    ['timestamptz', time('%Y-%m-%dT%H:%M:%SZ'), [['2024-07-05T10:20:30Z', '2024-07-05 06:20:30-04']]],
    ['string', undefined, [[' any ', ' any ']]],
  ])('%s %j', async (type, format, cases) => {
    const found = await valuesOf(
      cases.map(([text]) => text),
      type,
      format,
    )
    expect(cases.map(([text], index) => [text, found[index]])).toEqual(cases)
  })
})

describe('for values of any size', () => {
  const group = (digits: string, mark: string): string => digits.replace(/\B(?=(\d{3})+$)/g, mark)
  const formats = [undefined, comma, german, english, swiss, french]

  test('a number written in its format comes back', async () => {
    const sample = fc.sample(
      fc.record({
        units: fc.bigInt(-(10n ** 17n), 10n ** 17n),
        scale: fc.integer({ min: 0, max: 4 }),
        format: fc.constantFrom(...formats),
        grouped: fc.boolean(),
      }),
      300,
    )
    for (const format of formats) {
      const cases = sample.filter(one => one.format === format)
      const texts = cases.map(({ units, scale, grouped }) => {
        const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
        const marks = format?.kind === 'number' ? format : { decimal: '.', group: '' }
        const whole = digits.slice(0, digits.length - scale)
        const fraction = scale === 0 ? '' : marks.decimal + digits.slice(-scale)
        return `${units < 0n ? '-' : ''}${grouped ? group(whole, marks.group) : whole}${fraction}`
      })
      const values = await valuesOf(texts, 'decimal(38,4)', format)
      const expected = cases.map(({ units, scale }) => units * 10n ** BigInt(4 - scale))
      expect(values.map(value => BigInt((value ?? '').replace('.', '')))).toEqual(expected)
    }
  })

  test('a day written by its pattern comes back', async () => {
    for (const pattern of ['%Y-%m-%d', '%d.%m.%Y', '%m/%d/%Y', '%Y%m%d', '%d %B %Y']) {
      const days = fc.sample(
        fc.date({ min: new Date('1900-01-01'), max: new Date('2999-12-31'), noInvalidDate: true }),
        60,
      )
      const iso = days.map(day => day.toISOString().slice(0, 10))
      const written = await engine.rows(
        `SELECT strftime(d, ${literal(pattern)}) AS text FROM (SELECT unnest([${iso.map(literal).join(', ')}])::DATE AS d)`,
      )
      expect(
        await valuesOf(
          written.map(row => String(row['text'])),
          'date',
          date(pattern),
        ),
      ).toEqual(iso)
    }
  })

  test('what discovery says fits a column, the load takes', async () => {
    const characters = fc.constantFrom(..."0123456789-+.,'eE T:Zx")
    const near = fc.oneof(
      fc.string({ unit: characters, minLength: 1, maxLength: 9 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
      fc.integer().map(String),
      fc
        .date({ noInvalidDate: true, min: new Date('0001-01-01'), max: new Date('9999-12-31') })
        .map(day => day.toISOString()),
      fc
        .date({ noInvalidDate: true, min: new Date('0001-01-01'), max: new Date('9999-12-31') })
        .map(day => day.toISOString().slice(0, 10)),
    )
    const texts = fc
      .sample(near, 500)
      .map(text => text.trim())
      .filter(text => text !== '')
    const columns: [string, ValueFormat | undefined][] = [
      ['boolean', undefined],
      ['int', undefined],
      ['long', undefined],
      ['long', english],
      ['decimal(18,2)', undefined],
      ['decimal(18,4)', german],
      ['decimal(18,4)', french],
      ['date', undefined],
      ['date', date('%d.%m.%Y')],
      ['timestamp', undefined],
      ['timestamptz', undefined],
    ]
    for (const [type, format] of columns) {
      const said = texts.filter(text => fitsColumn({ type, ...(format && { format }) }, text))
      const refused = (await valuesOf(['0', ...said], type, format))
        .slice(1)
        .flatMap((value, index) => (value === null ? [said[index]] : []))
      expect([type, format, refused]).toEqual([type, format, []])
    }
  })
})
