import { describe, expect, test } from 'vitest'
import { type DiscoveredSpec, FeedContract } from '../../contracts/data/feed-contract.ts'
import { compare, evolve } from '../../src/discovery/drift.ts'
import { specOf } from './support.ts'

const origin = { createdAt: '2026-02-01T00:00:00.000Z', deliveryId: 'd2', file: 'acme/products_2.csv' }

const contractOf = (spec: DiscoveredSpec): FeedContract => ({
  ...spec,
  vendor: 'acme',
  table: 'products',
  version: 1,
  status: 'active',
  owner: 'buying',
  deliveryMode: 'full',
  checks: [],
  createdAt: '2026-01-01T00:00:00.000Z',
})

const csv = (header: string, ...rows: string[]): DiscoveredSpec => specOf([header, ...rows, ''].join('\n'))
const first = csv('sku,title,price,stock', 'A1,Mug,1.50,3', 'A2,Cup,2.50,4', 'A3,Pan,3.50,5')
const contract = contractOf(first)
const drift = (spec: DiscoveredSpec, from = contract) =>
  compare(from, spec).changes.map(({ kind, column }) => (column === undefined ? kind : `${kind} ${column}`))
const next = (spec: DiscoveredSpec, from = contract) =>
  FeedContract.parse(evolve(from, spec, compare(from, spec).changes, origin))
const columns = (spec: { columns: DiscoveredSpec['columns'] }) =>
  spec.columns.map(({ name, sourceName, type, retired }) => `${name}=${sourceName}:${type}${retired ? ' retired' : ''}`)

describe('a delivery fits', () => {
  test.each([
    ['the same again', first],
    ['other rows, narrower values', csv('sku,title,price,stock', 'B1,Pot,7,1', 'B2,Jar,8,2')],
    ['CR LF instead of LF', specOf('sku,title,price,stock\r\nB1,Pot,7.10,1\r\nB2,Jar,8.25,2\r\n')],
    ['a column without values', csv('sku,title,price,stock', 'B1,Pot,7.50,', 'B2,Jar,8.50,')],
    [
      'a single value that does not fit',
      csv('sku,title,price,stock', 'B1,Pot,7.50,1', 'B2,Jar,8.50,2', 'B3,Can,soon,3', 'B4,Tin,1.50,3'),
    ],
  ])('%s', (_, spec) => {
    expect(compare(contract, spec)).toEqual({ fits: true, changes: [] })
  })
})

describe('a delivery drifts', () => {
  test('a column more', () => {
    const spec = csv('sku,title,brand,price,stock', 'B1,Pot,N,7.50,1', 'B2,Jar,M,8.50,2')
    expect(drift(spec)).toEqual(['columnAdded brand'])
    expect(columns(next(spec))).toEqual([
      'sku=sku:string',
      'title=title:string',
      'brand=brand:string',
      'price=price:decimal(18,2)',
      'stock=stock:long',
    ])
    expect(next(spec).columns[2]?.nullable).toBe(true)
  })
  test('a column less: it is kept, retired, and taken up again when it comes back', () => {
    const spec = csv('sku,title,stock', 'B1,Pot,1', 'B2,Jar,2')
    expect(drift(spec)).toEqual(['columnRemoved price'])
    const second = next(spec)
    expect(columns(second)).toEqual([
      'sku=sku:string',
      'title=title:string',
      'stock=stock:long',
      'price=price:decimal(18,2) retired',
    ])
    expect(compare(second, spec).fits).toBe(true)
    expect(drift(first, second)).toEqual(['columnAdded price'])
    expect(columns(next(first, second))).toEqual(columns(first))
  })
  test('a column of another name in the same place', () => {
    const spec = csv('sku,product title,price,stock', 'B1,Pot,7.50,1', 'B2,Jar,8.50,2')
    expect(drift(spec)).toEqual(['columnRenamed title'])
    expect(columns(next(spec))[1]).toBe('title=product title:string')
    expect(compare(next(spec), spec).fits).toBe(true)
  })
  test('a column gone and one of another meaning come are two changes', () => {
    expect(drift(csv('sku,colour,price,stock', 'B1,red,7.50,1', 'B2,blue,8.50,2'))).toEqual([
      'columnRemoved title',
      'columnAdded colour',
    ])
  })
  test('columns in another order', () => {
    const spec = csv('title,sku,price,stock', 'Pot,B1,7.50,1', 'Jar,B2,8.50,2')
    expect(drift(spec)).toEqual(['columnsReordered'])
    expect(columns(next(spec))).toEqual([
      'title=title:string',
      'sku=sku:string',
      'price=price:decimal(18,2)',
      'stock=stock:long',
    ])
    expect(compare(next(spec), spec).fits).toBe(true)
  })
  test('values that no longer fit: a new column follows the retired one', () => {
    const spec = csv('sku,title,price,stock', 'B1,Pot,$7.50,1', 'B2,Jar,$8.50,2')
    expect(drift(spec)).toEqual(['typeChanged price'])
    expect(columns(next(spec))).toEqual([
      'sku=sku:string',
      'title=title:string',
      'price_v2=price:string',
      'stock=stock:long',
      'price=price:decimal(18,2) retired',
    ])
    expect(compare(next(spec), spec).fits).toBe(true)
  })
  test('decimals with more digits in front are a wider type of the same column', () => {
    const spec = csv('sku,title,price,stock', 'B1,Pot,12345678901234567.50,1', 'B2,Jar,22345678901234567.50,2')
    expect(drift(spec)).toEqual(['typeWidened price'])
    expect(columns(next(spec))[2]).toBe('price=price:decimal(19,2)')
  })
  test('another dialect', () => {
    const spec = csv('sku;title;price;stock', 'B1;Pot;7.50;1', 'B2;Jar;8.50;2')
    expect(compare(contract, spec).changes).toEqual([
      { kind: 'formatChanged', before: 'delimiter ","', after: 'delimiter ";"' },
    ])
    expect(next(spec).format).toEqual(spec.format)
  })
  test('two columns of one name are told apart by their order', () => {
    const twice = csv('sku,note,note', 'A1,x,y', 'A2,z,w')
    expect(drift(twice, contractOf(twice))).toEqual([])
    expect(drift(csv('sku,note,note,note', 'A1,x,y,z', 'A2,z,w,v'), contractOf(twice))).toEqual(['columnAdded note_3'])
  })
})

describe('JSON', () => {
  const json = (...records: unknown[]) => specOf(records.map(record => `${JSON.stringify(record)}\n`).join(''))
  const agreed = contractOf(json({ id: 'a', n: 1, x: 'q' }, { id: 'b', n: 2 }))
  test('keys that are missing or in another order are no drift', () => {
    expect(drift(json({ n: 1, id: 'c' }, { id: 'd', n: 3 }), agreed)).toEqual([])
  })
  test('a new key is a new column at the end', () => {
    const spec = json({ id: 'c', tags: ['t'] }, { id: 'd', n: 3 })
    expect(drift(spec, agreed)).toEqual(['columnAdded tags'])
    expect(columns(next(spec, agreed))).toEqual(['id=id:string', 'n=n:long', 'x=x:string', 'tags=tags:string'])
  })
})

test('the next version keeps what people own, and says where it comes from', () => {
  const evolved = next(csv('sku,title,price', 'B1,Pot,7.50', 'B2,Jar,8.50'), {
    ...contract,
    checks: [{ id: 'c', expression: 'true', severity: 'warn', message: 'm' }],
  })
  expect(evolved).toMatchObject({
    version: 2,
    owner: 'buying',
    createdAt: origin.createdAt,
    createdFrom: { deliveryId: 'd2', file: 'acme/products_2.csv' },
  })
  expect(evolved.checks.length).toBe(1)
  expect(evolved.keys[0]).toMatchObject({ columns: ['sku'] })
})
