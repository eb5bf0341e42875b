import { describe, expect, test } from 'vitest'
import { codesOf, namesOf, specOf, typesOf } from './support.ts'

describe('shape', () => {
  test.each([
    ['lines', '{"a":1}\n{"a":2}\n', { kind: 'ndjson' }, 2],
    ['lines, one broken', '{"a":1}\n{"a":\n{"a":3}\n{"a":4}\n', { kind: 'ndjson' }, 4],
    ['lines, the first cut off', '"x":1}\n{"a":2}\n{"a":3}\n', { kind: 'ndjson' }, 3],
    ['an array', '[{"a":1},{"a":2}]', { kind: 'json', recordPath: [] }, 2],
    ['an array, one element a line', '[\n{"a":1},\n{"a":2}\n]\n', { kind: 'json', recordPath: [] }, 2],
    [
      'an array below keys',
      '{"status":"ok","data":{"total":2,"products":[{"a":1,"v":[{"x":1},{"x":2}]},{"a":2}]}}',
      { kind: 'json', recordPath: ['data', 'products'] },
      2,
    ],
    [
      'the larger of two arrays',
      '{"errors":[{"c":1}],"items":[{"a":1,"b":"long enough"},{"a":2,"b":"long enough"}]}',
      { kind: 'json', recordPath: ['items'] },
      2,
    ],
    ['one object', '{"a":1,"b":"two"}', { kind: 'json', recordPath: [] }, 1],
    ['one object over lines', '{\n  "a": 1,\n  "b": "two"\n}\n', { kind: 'json', recordPath: [] }, 1],
    [
      'one object with a small list',
      '{"sku":"x","title":"a long title of a thing","description":"some more text about it","images":[{"u":1},{"u":2}]}',
      { kind: 'json', recordPath: [] },
      1,
    ],
    ['objects one behind the other', '{"a":1}{"a":2}{"a":3}', { kind: 'json', recordPath: [] }, 3],
    ['objects over lines, one behind the other', '{\n"a":1\n}\n{\n"a":2\n}\n', { kind: 'json', recordPath: [] }, 2],
    [
      'an object of records by their ids',
      '{"A-1":{"name":"x","price":1},"B-2":{"name":"y","price":2},"C-3":{"name":"z","price":3}}',
      { kind: 'json', recordPath: ['*'] },
      3,
    ],
    [
      'records by their ids below a key',
      '{"count":3,"products":{"1":{"name":"x","v":[{"s":1},{"s":2}]},"2":{"name":"y","v":[]},"3":{"name":"z","v":[]}}}',
      { kind: 'json', recordPath: ['products', '*'] },
      3,
    ],
    [
      'a record whose texts are in several languages',
      '{"sku":"A","brand":"b","ean":"c","name":{"en":"x","de":"y"},"text":{"en":"x","de":"y"},"use":{"en":"x","de":"y"}}',
      { kind: 'json', recordPath: [] },
      1,
    ],
    [
      'a list of records for each shelf',
      '{"shelves":{"drills":[{"sku":"A","price":1},{"sku":"B","price":2}],"saws":[{"sku":"C","price":3}]}}',
      { kind: 'json', recordPath: ['shelves', '*'] },
      3,
    ],
    [
      'many records beside one long object of another kind',
      `{"jsonapi":{"version":"1.0"},"links":{"self":"x"},"data":[${'{"type":"p","id":"1","attributes":{"title":"x"}},'.repeat(30).slice(0, -1)}],"included":[{"type":"b","id":"1","attributes":{"text":"${'x'.repeat(4000)}"}}]}`,
      { kind: 'json', recordPath: ['data'] },
      30,
    ],
    [
      'pages',
      `[{"page":1,"items":[${'{"a":1},'.repeat(20).slice(0, -1)}]},{"page":2,"items":[{"a":3}]}]`,
      { kind: 'json', recordPath: ['items'] },
      21,
    ],
  ])('%s', (_, text, format, records) => {
    const spec = specOf(text)
    expect(spec.format).toMatchObject(format)
    expect(spec.rowCount).toBe(records)
  })
  test.each(['[{"a":1,"b":"x"},{"a":2,"b":"y', '[{"a":1},{"a":2},', '{"p":[{"a":1}]'])(
    'a document that was cut off: %s',
    text => {
      expect(() => specOf(text)).toThrow(
        expect.objectContaining({ code: 'FILE_FORMAT_UNKNOWN', message: expect.stringContaining('cut off') }),
      )
    },
  )
  test('a document whose sample is cut off', () => {
    const items = Array.from({ length: 50 }, (_, i) => JSON.stringify({ id: i, name: `thing ${i}` }))
    const spec = specOf(`{"meta":{"n":50},"products":[${items.join(',')}`.slice(0, -10), { complete: false })
    expect(spec.format).toMatchObject({ kind: 'json', recordPath: ['products'] })
    expect(namesOf(spec)).toEqual(['id', 'name'])
    expect(spec.rowCount).toBeNull()
  })
  test('text that only begins like JSON is not taken for it', () => {
    expect(specOf('[id],[name]\n1,x\n2,y\n').format.kind).toBe('delimited')
    expect(specOf('{id};{name}\n1;x\n2;y\n').format.kind).toBe('delimited')
  })
})

describe('columns', () => {
  test('the union of keys, nested objects taken apart, lists kept as JSON', () => {
    const spec = specOf(
      '{"id":"a","price":{"amount":1.50,"currency":"EUR"},"tags":["x","y"]}\n{"id":"b","price":{"amount":2.00},"stock":3}\n',
    )
    expect(spec.columns.map(({ name, sourceName, sourcePath, type }) => [name, sourceName, sourcePath, type])).toEqual([
      ['id', 'id', ['id'], 'string'],
      ['price_amount', 'price.amount', ['price', 'amount'], 'decimal(18,2)'],
      ['price_currency', 'price.currency', ['price', 'currency'], 'string'],
      ['tags', 'tags', ['tags'], 'string'],
      ['stock', 'stock', ['stock'], 'long'],
    ])
    expect(codesOf(spec)).toContain('VARYING_KEYS')
  })
  test('a key that is an object here and a value there stays one column', () => {
    expect(namesOf(specOf('{"p":{"x":1}}\n{"p":7}\n'))).toEqual(['p'])
  })
  test('an object whose keys are data stays one column', () => {
    const wide = (from: number) =>
      JSON.stringify({
        id: from,
        stock: Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`store${from + i}`, i])),
      })
    expect(namesOf(specOf(`${wide(0)}\n${wide(40)}\n`))).toEqual(['id', 'stock'])
  })
  test('booleans, long ids and keys with strange signs', () => {
    const spec = specOf(
      '{"<page title>":"x","active":true,"n":12345678901234567890}\n{"<page title>":"y","active":false,"n":12345678901234567891}\n',
    )
    expect(typesOf(spec)).toEqual({ page_title: 'string', active: 'boolean', n: 'string' })
    expect(spec.columns[2]?.quality?.samples).toEqual(['12345678901234567890', '12345678901234567891'])
  })
})
