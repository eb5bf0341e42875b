import { describe, expect, test } from 'vitest'
import type { JsonDocumentFormat, JsonLinesFormat } from '../../contracts/data/feed-contract.ts'
import { countRecords } from '../../src/records/records.ts'
import { all, columnsNamed, fileOf, gist, limits, tempFolder } from './support.ts'

const folder = tempFolder()
const lines: JsonLinesFormat = { kind: 'ndjson', encoding: 'utf-8', compression: 'none' }
const document = (...recordPath: string[]): JsonDocumentFormat => ({
  kind: 'json',
  encoding: 'utf-8',
  compression: 'none',
  recordPath,
})
const columns = columnsNamed('a', 'b')

describe('values', () => {
  const value = async (json: string) =>
    (await all(fileOf(folder, `{"a":${json}}\n`), lines, columnsNamed('a'))).map(
      record => record.kind === 'fields' && record.fields[0],
    )
  test.each([
    '1.50',
    '0',
    '-0',
    '1e3',
    '1E+400',
    '12345678901234567890',
    '0.10',
    '100',
    '1.5',
    '0.0000001',
    '3.14159265358979312',
  ])('the number %s stays as written', async number => {
    expect(await value(number)).toEqual([number])
  })
  test('strings, booleans, null, missing, objects and arrays as text', async () => {
    expect(await value('"x\\n\\"y\\""')).toEqual(['x\n"y"'])
    expect(await value('true')).toEqual(['true'])
    expect(await value('null')).toEqual([null])
    expect(await value('{"b": [1.50, "z"]}')).toEqual(['{"b":[1.50,"z"]}'])
    expect(gist(await all(fileOf(folder, '{"b":1}\n'), lines, columns))).toEqual([[null, '1']])
  })
  test('a path of keys leads into nested objects', async () => {
    const nested = [{ name: 'price_amount', sourceName: 'price.amount', sourcePath: ['price', 'amount'] }]
    expect(gist(await all(fileOf(folder, '{"price":{"amount":9.90}}\n{"price":7}\n{}\n'), lines, nested))).toEqual([
      ['9.90'],
      [null],
      [null],
    ])
  })
})

describe('lines', () => {
  test('broken lines, lines that are no object and blank lines', async () => {
    const found = await all(fileOf(folder, '{"a":1}\n\n{"a":\n[1]\r\n3\n{"b":"x"}'), lines, columns)
    expect(gist(found)).toEqual([['1', null], 'INVALID_JSON', 'NOT_AN_OBJECT', 'NOT_AN_OBJECT', [null, 'x']])
    expect(found.map(({ line, byteOffset }) => [line, byteOffset])).toEqual([
      [1, 0],
      [3, 9],
      [4, 15],
      [5, 20],
      [6, 22],
    ])
  })
  test('a line longer than the limit is one malformed record', async () => {
    const long = `{"a":"${'x'.repeat(3_000_000)}"}`
    expect(gist(await all(fileOf(folder, `{"a":1}\n${long}\n{"a":2}\n`), lines, columns))).toEqual([
      ['1', null],
      'RECORD_TOO_LONG',
      ['2', null],
    ])
  })
  test('a line with bytes that are no UTF-8 is malformed', async () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xe4]), Buffer.from('"}\n{"a":"ä"}\n')])
    expect(gist(await all(fileOf(folder, bytes), lines, columns))).toEqual(['INVALID_ENCODING', ['ä', null]])
  })
})

describe('documents', () => {
  const read = async (text: string, ...path: string[]) =>
    gist(await all(fileOf(folder, text), document(...path), columns))
  test('an array at the root', async () => {
    expect(await read('[{"a":1},\n {"b":[{"x":"]"}]} , {}]')).toEqual([
      ['1', null],
      [null, '[{"x":"]"}]'],
      [null, null],
    ])
    expect(await read(' [ ] ')).toEqual([])
  })
  test('an array below keys; what stands beside it is no record', async () => {
    const text =
      '{"meta":{"products":[{"a":0}],"n":"}"},"data":{"note":["x"],"products":[{"a":1},{"a":2}]},"products":[{"a":3}]}'
    expect(await read(text, 'data', 'products')).toEqual([
      ['1', null],
      ['2', null],
    ])
  })
  test('one object is one record, at the root or below keys', async () => {
    expect(await read('{"a":{"x":1},"b":"y"}')).toEqual([['{"x":1}', 'y']])
    expect(await read('{"p":{"a":1,"b":2},"q":{"a":3}}', 'p')).toEqual([['1', '2']])
  })
  test('documents one behind the other, and pages', async () => {
    expect(await read('{"a":1}{"a":2}\n{\n"a":3}')).toEqual([
      ['1', null],
      ['2', null],
      ['3', null],
    ])
    expect(await read('[{"items":[{"a":1}]},{"items":[{"a":2},{"a":3}]}]', 'items')).toEqual([
      ['1', null],
      ['2', null],
      ['3', null],
    ])
  })
  test('an escaped key is the same key', async () => {
    expect(await read('{"it\\u0065ms":[{"a":1}]}', 'items')).toEqual([['1', null]])
  })
  test('a broken element, one that is no object, and text between documents', async () => {
    expect(await read('[{"a":1},{"a" 2},"x",4,[5],{"a":6}] oops\n{"a":7}')).toEqual([
      ['1', null],
      'INVALID_JSON',
      'NOT_AN_OBJECT',
      'NOT_AN_OBJECT',
      'NOT_AN_OBJECT',
      ['6', null],
      'INVALID_JSON',
      ['7', null],
    ])
  })
  test('a document that is cut off gives its open record as malformed', async () => {
    expect(await read('{"items":[{"a":1},{"a":2,"b"', 'items')).toEqual([['1', null], 'INVALID_JSON'])
  })
  test('elements know their line and byte offset', async () => {
    const found = await all(fileOf(folder, '[\n  {"a": "ä"},\n  {\n  "a": 2}\n]\n'), document(), columns)
    expect(found.map(({ line, byteOffset }) => [line, byteOffset])).toEqual([
      [2, 4],
      [3, 19],
    ])
  })
  test('an element longer than the limit is one malformed record, and memory stays bounded', async () => {
    const text = `[{"a":1},{"a":"${'x'.repeat(3_000_000)}"},{"a":2}]`
    const found = await all(fileOf(folder, text), document(), columns)
    expect(gist(found)).toEqual([['1', null], 'RECORD_TOO_LONG', ['2', null]])
    expect(found[1]?.raw.length).toBeLessThanOrEqual(64 * 1024)
  })
  test('elements across pieces of reading', async () => {
    const items = Array.from({ length: 40_000 }, (_, i) => ({ a: i, b: `text "${i}" é ]}`, c: [i, { d: i }] }))
    const file = fileOf(folder, JSON.stringify({ data: { items } }, null, 1))
    const found = await all(file, document('data', 'items'), columns)
    expect(found.length).toBe(40_000)
    expect(
      found.every(
        (record, i) =>
          record.kind === 'fields' && record.fields[0] === String(i) && record.fields[1] === `text "${i}" é ]}`,
      ),
    ).toBe(true)
    expect(await countRecords(file, document('data', 'items'), limits)).toMatchObject({ records: 40_000, malformed: 0 })
  })
})

describe('any key on the path', () => {
  test('the values of an object are records, each with its own key', async () => {
    const text = '{"count":2,"products":{"A-1":{"a":1,"b":{"x":[{"a":9}]}},"B-2":{"a":2},"C-3":7,"D-4":null}}'
    const found = await all(fileOf(folder, text), document('products', '*'), columnsNamed('@key', 'a'))
    expect(gist(found)).toEqual([['A-1', '1'], ['B-2', '2'], 'NOT_AN_OBJECT', 'NOT_AN_OBJECT'])
    expect(found.map(({ raw }) => raw)).toEqual(['{"a":1,"b":{"x":[{"a":9}]}}', '{"a":2}', '7', 'null'])
  })
  test('arrays under any key are one list of records', async () => {
    const text = '{"drills":[{"a":1},{"a":2}],"saws":[{"a":3},4],"updated":"today"}'
    const found = await all(fileOf(folder, text), document('*'), columnsNamed('@key', 'a'))
    expect(gist(found)).toEqual([['drills', '1'], ['drills', '2'], ['saws', '3'], 'NOT_AN_OBJECT', 'NOT_AN_OBJECT'])
  })
})
