import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeAvro, encodeAvro, optional, record, required } from '../../src/lakehouse/iceberg/avro.ts'
import { formatMetadataJson, parseMetadataJson } from '../../src/lakehouse/iceberg/json.ts'
import { applyTransform, newSpec, partitionColumns, transformSql } from '../../src/lakehouse/iceberg/partition.ts'
import { newSchema } from '../../src/lakehouse/iceberg/schema.ts'
import { fitsExactly } from '../../src/lakehouse/iceberg/types.ts'
import { encodeValue, lowerBound, parseValue, upperBound } from '../../src/lakehouse/iceberg/values.ts'
import { pathPart, quoteLiteral } from '../../src/lakehouse/identifiers.ts'
import { openedLake } from './harness.ts'

describe('metadata JSON', () => {
  test('a snapshot id of 64 bits survives, and so does any other large integer', () => {
    const text =
      '{"snapshots":[{"snapshot-id":9223372036854775807,"parent-snapshot-id":1}],"other":12345678901234567890,"small":7}'
    const parsed = parseMetadataJson(text) as { snapshots: { 'snapshot-id': bigint }[] }
    expect(parsed.snapshots[0]?.['snapshot-id']).toBe(9223372036854775807n)
    expect(formatMetadataJson(parsed)).toBe(text)
  })

  test('a summary that names a snapshot id as text keeps it as text', () => {
    const text = '{"summary":{"source-snapshot-id":"12"},"snapshot-id":12}'
    expect(formatMetadataJson(parseMetadataJson(text))).toBe(text)
  })
})

describe('values as bytes', () => {
  test.each([
    ['boolean', true, '01'],
    ['int', -2, 'feffffff'],
    ['long', 4_294_967_296n, '0000000001000000'],
    ['date', 1, '01000000'],
    ['timestamp', -1n, 'ffffffffffffffff'],
    ['double', -0.5, '000000000000e0bf'],
    ['string', 'ä', 'c3a4'],
    ['decimal(9,2)', 1420n, '058c'],
    ['decimal(9,2)', -129n, 'ff7f'],
    ['decimal(38,0)', 128n, '0080'],
    ['decimal(9,2)', 0n, '00'],
  ])('%s %s is %s, as the specification says', (type, value, hex) => {
    expect(encodeValue(type, value)?.toString('hex')).toBe(hex)
  })

  test.each([
    ['date', '2026-11-24', 20781],
    ['date', '1969-12-31', -1],
    ['timestamptz', '1970-01-01 00:00:01.5+00', 1_500_000n],
    ['timestamp', '0001-01-01 00:00:00', -62_135_596_800_000_000n],
    ['decimal(18,2)', '-0.05', -5n],
    ['decimal(18,2)', '12', 1200n],
    ['long', '-9223372036854775808', -(2n ** 63n)],
    ['date', '0044-03-15 (BC)', undefined],
    ['timestamp', 'infinity', undefined],
    ['double', 'nan', undefined],
  ])('%s from the text %s', (type, text, value) => {
    expect(parseValue(type, text)).toBe(value)
  })

  test('any decimal reads back from its bytes', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n }), value => {
        const bytes = encodeValue('decimal(38,0)', value) ?? Buffer.alloc(0)
        expect(BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))).toBe(value)
      }),
    )
  })

  test('bounds of any text hold it between them, byte by byte', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
        const bytes = Buffer.from(text)
        expect(Buffer.compare(lowerBound('string', text) ?? Buffer.alloc(0), bytes)).toBeLessThanOrEqual(0)
        const upper = upperBound('string', text)
        if (upper !== undefined) expect(Buffer.compare(upper, bytes)).toBeGreaterThanOrEqual(0)
      }),
    )
    expect(upperBound('string', '\u{10ffff}'.repeat(20))).toBeUndefined()
    expect(upperBound('string', `${'a'.repeat(15)}\ud7ffz`)?.toString()).toBe(`${'a'.repeat(15)}\ue000`)
  })
})

describe('partition transforms', () => {
  test('in JavaScript and in SQL they are one', async () => {
    const { lake } = openedLake()
    const schema = newSchema([
      { name: 'd', type: 'date', required: false },
      { name: 'ts', type: 'timestamp', required: false },
      { name: 'tz', type: 'timestamptz', required: false },
    ])
    const transforms = ['year', 'month', 'day'].flatMap(transform =>
      ['d', 'ts', 'tz'].map(column => ({ column, transform })),
    )
    const columns = partitionColumns(newSpec(schema, transforms), schema)
    const moments = [
      '1969-12-31 23:59:59.999999',
      '1970-01-01 00:00:00',
      '1582-10-15 12:00:00',
      '2024-02-29 00:00:00.5',
      '2026-11-24 02:30:00',
    ]
    for (const moment of moments) {
      const source = `SELECT DATE ${quoteLiteral(moment.slice(0, 10))} AS d, TIMESTAMP ${quoteLiteral(moment)} AS ts, TIMESTAMPTZ ${quoteLiteral(`${moment}+00`)} AS tz`
      const sql = `SELECT ${columns.map(transformSql).join(', ')} FROM (${source})`
      const rows = await lake.withConnection(async connection => (await connection.runAndReadAll(sql)).getRows())
      const own = columns.map(column => {
        const type = String(column.source.type)
        return applyTransform(column, parseValue(type, type === 'date' ? moment.slice(0, 10) : moment) ?? null)
      })
      expect(rows[0], moment).toEqual(own)
    }
  })
})

describe('types', () => {
  test.each([
    ['INTEGER', 'long', true],
    ['HUGEINT', 'int', true],
    ['DECIMAL(10,2)', 'decimal(18,4)', true],
    ['DECIMAL(10,4)', 'decimal(18,2)', false],
    ['BIGINT', 'decimal(18,2)', true],
    ['DOUBLE', 'decimal(18,2)', false],
    ['VARCHAR', 'date', false],
    ['TIMESTAMP', 'date', false],
    ['TIMESTAMP', 'timestamptz', false],
    ['"NULL"', 'date', true],
    ["ENUM('a')", 'string', true],
    ['BOOLEAN', 'string', false],
  ])('%s stored as %s: %s', (from, to, fits) => {
    expect(fitsExactly(from, to)).toBe(fits)
  })
})

describe('paths', () => {
  test('two values never share a directory, and none leaves it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (left, right) => {
        expect(pathPart(left)).toMatch(/^[A-Za-z0-9_.-]{1,80}$/)
        expect(pathPart(left) === pathPart(right)).toBe(left === right)
      }),
    )
    expect(pathPart('..')).not.toBe('..')
  })
})

describe('Avro files', () => {
  const schema = record('entry', [
    required('id', 'long', 1),
    optional('text', 'string', 2),
    optional('nested', record('inner', []), 3),
  ])

  test('records of 64-bit numbers and nulls read back, and the header keeps the field ids', () => {
    const records = [
      { id: 9223372036854775807n, text: null, nested: null },
      { id: -1n, text: 'ä', nested: {} },
    ]
    const bytes = encodeAvro(schema, { 'format-version': '2' }, records)
    expect(decodeAvro(bytes, 'x').map(item => ({ ...item }))).toEqual(records)
    expect(bytes.toString('latin1')).toContain('"field-id":1')
    expect(decodeAvro(encodeAvro(schema, {}, []), 'x')).toEqual([])
  })

  test('a file that is cut off, or is none, is refused', () => {
    const bytes = encodeAvro(schema, {}, [{ id: 1n, text: 'abc', nested: null }])
    for (const broken of [Buffer.from('no avro at all'), bytes.subarray(0, 20), bytes.subarray(0, bytes.length - 20)]) {
      expect(() => decodeAvro(broken, 'broken.avro')).toThrow(/broken\.avro/)
    }
  })
})
