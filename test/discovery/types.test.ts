import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseTime } from '../../src/discovery/dates.ts'
import { fitsColumn } from '../../src/discovery/fits.ts'
import { hasGs1CheckDigit } from '../../src/discovery/semantics.ts'
import { columnOf, specOf, typesOf } from './support.ts'

const many = (values: readonly string[], times: number): string[] =>
  Array.from({ length: times }, (_, i) => values[i % values.length] as string)

describe('numbers', () => {
  test.each([
    [['1', '20', '-3'], 'long', undefined],
    [['1.50', '20', '.5'], 'decimal(18,2)', undefined],
    [['1.12345', '20.1'], 'decimal(18,5)', undefined],
    [['1,50', '20,00', '3'], 'decimal(18,2)', { kind: 'number', decimal: ',', group: '' }],
    [['1.234,50', '20,00'], 'decimal(18,2)', { kind: 'number', decimal: ',', group: '.' }],
    [['1,234.50', '20.00'], 'decimal(18,2)', { kind: 'number', decimal: '.', group: ',' }],
    [["1'234.50", '20.00'], 'decimal(18,2)', { kind: 'number', decimal: '.', group: "'" }],
    [['1 234,50', '20,00'], 'decimal(18,2)', { kind: 'number', decimal: ',', group: ' ' }],
    [['1,234', '12,345,678', '12'], 'long', { kind: 'number', decimal: '.', group: ',' }],
    [['0.125', '0.250'], 'decimal(18,3)', undefined],
    [['1.5e-7', '2.5e3', '7'], 'double', undefined],
    [['0', '1', '1', '0'], 'long', undefined],
  ])('%j are %s', (values, type, format) => {
    const column = columnOf('amount', values)
    expect([column.type, column.format]).toEqual([type, format])
  })
  test('three digits behind a comma and nothing else to tell stay text', () => {
    expect(columnOf('amount', ['1,234', '2,500', '3,125'])).toMatchObject({
      type: 'string',
      codes: ['AMBIGUOUS_NUMBER'],
    })
  })
  test('another column tells what the mark means', () => {
    const weight = (price: string) =>
      specOf(
        `name;weight;price\n${['1,234', '2,500', '3,125'].map((value, i) => `thing ${i};${value};${i + 1}${price}`).join('\n')}\n`,
      ).columns[1]
    expect(weight('9,90')).toMatchObject({ type: 'decimal(18,3)', format: { decimal: ',', group: '' } })
    expect(specOf('name,total\nx,"1,234"\ny,"2,345"\n').columns[1]).toMatchObject({
      type: 'long',
      format: { decimal: '.', group: ',' },
    })
    expect(weight('9.90')).toMatchObject({ type: 'long', format: { decimal: '.', group: ',' } })
  })
  test('a few values that are no number are errors of their records, many make text', () => {
    const few = columnOf('amount', [...many(['1.50', '2.75'], 99), 'on request'])
    expect(few).toMatchObject({ type: 'decimal(18,2)', codes: ['MIXED_VALUES'] })
    expect(few.quality?.fit).toBeCloseTo(0.99)
    expect(
      columnOf('amount', [...many(['1.50', '2.75', '3.80', '4.10', '5.25'], 20), ...many(['on request'], 5)]),
    ).toMatchObject({ type: 'string', codes: ['MIXED_VALUES'] })
  })
  test('money and percentages stay text and say what they are', () => {
    expect(columnOf('amount', ['$9.99', '$1,200.00'])).toMatchObject({ type: 'string', semantic: 'money' })
    expect(columnOf('amount', ['9,99 EUR', '1.200,00 EUR'])).toMatchObject({ type: 'string', semantic: 'money' })
    expect(columnOf('amount', ['19 %', '7%'])).toMatchObject({ type: 'string', semantic: 'percent' })
  })
})

describe('identifiers stay text', () => {
  test.each([
    ['item id', ['1', '2', '3']],
    ['Artikelnummer', ['4711', '4712']],
    ['EAN', ['4006381333931', '4006381333948']],
    ['count', ['007', '12', '13']],
    ['number of things', ['12345678901234567', '12345678901234568']],
    ['thing', ['4006381333931', '4006381333955', '5901234123457']],
  ])('%s %j', (header, values) => {
    expect(columnOf(header, values).type).toBe('string')
  })
  test('digits that a spreadsheet destroyed are told', () => {
    expect(columnOf('barcode', ['4.00638E+12', '4.00639E+12'])).toMatchObject({
      type: 'string',
      codes: expect.arrayContaining(['SCIENTIFIC_NOTATION']),
    })
    expect(columnOf('thing', ['4.00638E+12', '4006381333931'])).toMatchObject({
      type: 'string',
      codes: expect.arrayContaining(['SCIENTIFIC_NOTATION']),
    })
  })
  test('check digits', () => {
    for (const code of ['4006381333931', '73513537', '036000291452', '10012345678902'])
      expect(hasGs1CheckDigit(code)).toBe(true)
    for (const code of ['4006381333932', '4006381333', 'x006381333931']) expect(hasGs1CheckDigit(code)).toBe(false)
  })
})

describe('dates', () => {
  test.each([
    [['2024-05-01', '2024-12-31'], 'date', '%Y-%m-%d'],
    [['01.05.2024', '31.12.2024'], 'date', '%d.%m.%Y'],
    [['1.5.2024', '31.12.2024'], 'date', '%-d.%-m.%Y'],
    [['05/01/2024', '12/31/2024'], 'date', '%m/%d/%Y'],
    [['01/05/2024', '31/12/2024'], 'date', '%d/%m/%Y'],
    [['5/1/2024', '12/31/2024'], 'date', '%-m/%-d/%Y'],
    [['04/04/2024', '05/05/2024'], 'date', '%d/%m/%Y'],
    [['20240501', '20241231', '20240102'], 'date', '%Y%m%d'],
    [['5-Jan-2024', '31-DEC-2024'], 'string', undefined],
    [['05-Jan-2024', '31-DEC-2024'], 'date', '%d-%b-%Y'],
    [['01.05.2024 10:20', '31.12.2024 23:59'], 'timestamp', '%d.%m.%Y %H:%M'],
    [['5/1/2024 3:05 PM', '12/31/2024 11:59 AM'], 'timestamp', '%-m/%-d/%Y %-I:%M %p'],
    [['2024-05-01T10:20:30.123Z', '2024-05-01T10:20:30Z'], 'timestamptz', undefined],
    [['2024-05-01T10:20:30+02:00', '2024-05-01T10:20:30-0500'], 'timestamptz', undefined],
    [['2024-05-01 10:20:30', '2024-05-01T10:20'], 'timestamp', undefined],
    [['2024-13-01', '2024-05-01'], 'string', undefined],
    [['31.02.2024', '01.02.2024'], 'string', undefined],
  ])('%j are %s %s', (values, type, pattern) => {
    const column = columnOf('since', values)
    expect([column.type, column.format]).toEqual([type, pattern === undefined ? undefined : { kind: type, pattern }])
  })
  test('a day that could be a month is left to a person', () => {
    expect(columnOf('since', ['01/02/2024', '03/04/2024'])).toMatchObject({ type: 'string', codes: ['AMBIGUOUS_DATE'] })
  })
  test('one clear value settles it', () => {
    expect(columnOf('since', [...many(['01/02/2024', '03/04/2024'], 40), '25/04/2024'])).toMatchObject({
      type: 'date',
      format: { pattern: '%d/%m/%Y' },
    })
  })
  test('seconds and milliseconds since 1970 are numbers that say so', () => {
    expect(columnOf('at', ['1714550400', '1714636800'])).toMatchObject({ type: 'long', semantic: 'epoch_seconds' })
  })
  test('a time is read as its pattern says', () => {
    expect(parseTime('29.02.2024', '%d.%m.%Y')).toBe(Date.UTC(2024, 1, 29))
    expect(parseTime('29.02.2023', '%d.%m.%Y')).toBeUndefined()
    expect(parseTime('12:30 am', '%I:%M %p')).toBe(30 * 60_000)
    expect(parseTime('Mon, 05 Feb 2024 10:00:00 +0200', '%a, %d %b %Y %H:%M:%S %z')).toBe(Date.UTC(2024, 1, 5, 8))
    expect(parseTime('01.01.70', '%d.%m.%y')).toBe(0)
    expect(parseTime('1.1.2024', '%d.%m.%Y')).toBeUndefined()
    expect(parseTime('01.1.2024', '%-d.%-m.%Y')).toBeUndefined()
  })
})

describe('booleans', () => {
  test.each([
    [['true', 'FALSE', 'True']],
    [['ja', 'nein']],
    [['Y', 'N', 'Y']],
    [['yes', 'yes']],
    [['oui', 'non']],
    [['sí', 'no']],
  ])('%j', values => {
    expect(columnOf('active', values)).toMatchObject({ type: 'boolean', format: { kind: 'boolean' } })
  })
  test('one letter that is always the same may be anything', () => {
    expect(columnOf('kind', ['N', 'N', 'N']).type).toBe('string')
    expect(columnOf('kind', ['S', 'M', 'L']).type).toBe('string')
  })
})

describe('no value', () => {
  test('null tokens and blanks are none', () => {
    const column = columnOf('amount', ['1', 'NULL', ' ', 'n/a', '-', '5'])
    expect(column).toMatchObject({ type: 'long', nullable: true })
    expect(column.quality?.nullFraction).toBeCloseTo(4 / 6)
  })
  test('a column without any is text, and told', () => {
    expect(columnOf('note', ['', 'NULL', ''])).toMatchObject({
      type: 'string',
      codes: expect.arrayContaining(['EMPTY_COLUMN']),
    })
  })
})

test('what fits a type is what was proposed for it', () => {
  const decimal = { type: 'decimal(5,2)' }
  expect(['1', '1.5', '-1.50', '123.45', '1.500', '.5'].every(value => fitsColumn(decimal, value))).toBe(true)
  expect(['1234', '1.505', '01', '1e2', '1,5', '+1', ''].some(value => fitsColumn(decimal, value))).toBe(false)
  expect(fitsColumn({ type: 'decimal(5,2)', format: { kind: 'number', decimal: ',', group: '.' } }, '1.234,5')).toBe(
    false,
  )
  expect(fitsColumn({ type: 'long' }, '0012345')).toBe(false)
  expect(fitsColumn({ type: 'int' }, '12345678901')).toBe(false)
  expect(fitsColumn({ type: 'date' }, '2024-02-30')).toBe(false)
})

test('whatever the values, each fits its proposed type, or the share that does not is what quality says', () => {
  const value = fc.oneof(
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }).map(n => n.toFixed(2)),
    fc.constantFrom('x', '2024-01-01', '01.02.2024', 'true', '1,5', '1.234,56', '00', 'N/A'),
  )
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), values => {
      const spec = specOf(`name;amount\n${values.map((one, i) => `thing x${i};${one}`).join('\n')}\n`)
      const column = spec.columns[1]
      if (
        column === undefined ||
        spec.format.kind !== 'delimited' ||
        spec.format.headerRows !== 1 ||
        spec.format.trailerLines > 0
      )
        return
      const present = values.filter(one => one !== 'N/A')
      const fitting = present.filter(one => fitsColumn(column, one)).length
      expect(column.quality?.fit).toBeCloseTo(present.length === 0 ? 1 : fitting / present.length)
    }),
    { numRuns: 200 },
  )
})

test('types of a whole row', () => {
  expect(
    typesOf(
      specOf('sku;title;price;stock;active;since\n001;Mug;1,50;3;ja;01.05.2024\n002;Cup;2,50;4;nein;31.05.2024\n'),
    ),
  ).toEqual({
    sku: 'string',
    title: 'string',
    price: 'decimal(18,2)',
    stock: 'long',
    active: 'boolean',
    since: 'date',
  })
})
