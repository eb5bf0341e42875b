import { expect, test } from 'vitest'
import type { DiscoveredSpec } from '../../contracts/data/feed-contract.ts'
import { specOf } from './support.ts'

const keys = (spec: DiscoveredSpec, kind?: string) =>
  spec.keys.filter(key => kind === undefined || key.kind === kind).map(key => key.columns.join('+'))

test('the number of the vendor stands before one that others gave out', () => {
  const check = (body: string) =>
    body + ((10 - ([...body].reduce((sum, digit, i) => sum + Number(digit) * (i % 2 === 0 ? 1 : 3), 0) % 10)) % 10)
  const rows = Array.from({ length: 30 }, (_, i) => `thing,${check(`4006381${10000 + i}`)},R-${i}`)
  const spec = specOf(`brand,ean,sku\n${rows.join('\n')}\n`)
  expect(spec.columns[1]?.semantic).toBe('gtin')
  expect(spec.keys[0]?.columns).toEqual(['sku'])
})

test('a unique column that is named like an identifier comes first, with its evidence', () => {
  const spec = specOf('title,sku,price\nMug,A1,1.50\nCup,A2,2.50\nMug,A3,3.50\n')
  expect(spec.keys[0]).toMatchObject({ kind: 'primary', columns: ['sku'] })
  expect(spec.keys[0]?.evidence).toContain('3 records')
  expect(keys(spec, 'natural')).toContain('sku')
  expect(spec.columns.filter(({ nullable }) => !nullable).map(({ name }) => name)).toEqual(['sku'])
})

test('a column with an empty value is no primary key', () => {
  expect(keys(specOf('sku,title,n\nA1,Mug,1\n,Cup,2\nA3,Pan,2\nA4,Pot,5\n'), 'primary')).not.toContain('sku')
})

test('where no column is unique, the smallest set that is', () => {
  const spec = specOf(
    'style,size,colour,note\nS1,M,red,x\nS1,L,red,x\nS2,M,red,x\nS2,L,blue,x\nS1,M,blue,x\nS2,M,blue,x\nS1,L,blue,x\nS2,L,red,x\n',
  )
  expect(keys(spec, 'primary')).toEqual([])
  expect(keys(spec)).toEqual(['style+size+colour'])
})

test('numbered columns of a key stand together too', () => {
  const spec = specOf(
    'Handle,Option1 Value,Option2 Value,Title\nmug,red,,Mug\nmug,blue,,Mug\ncup,red,,Cup\ncup,blue,,Cup\n',
  )
  expect(keys(spec)).toEqual(expect.arrayContaining(['handle+option1_value', 'handle+option1_value+option2_value']))
})

test('a language column may be part of the key before a second language comes', () => {
  expect(keys(specOf('sku,locale,title\nA1,en,Mug\nA2,en,Cup\nA3,en,Pan\n'))).toContain('sku+locale')
})

test('one record proves little', () => {
  const [best] = specOf('sku,title\nA1,Mug\n').keys
  expect(best).toMatchObject({ columns: ['sku'] })
  expect(best?.confidence).toBeLessThan(0.5)
})

test('partitions: few values in all records, or a date', () => {
  const rows = Array.from(
    { length: 40 },
    (_, i) => `A${i},${['red', 'blue'][i % 2]},2024-0${(i % 9) + 1}-01,thing ${i}`,
  )
  const candidates = specOf(`sku,colour,since,title\n${rows.join('\n')}\n`).partitionCandidates
  expect(candidates.map(({ column, transform }) => `${column} ${transform}`).sort()).toEqual([
    'colour identity',
    'since month',
  ])
})
