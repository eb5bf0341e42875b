import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import { decide } from '../../src/matching/decide.ts'
import { type MappingPolicy, match } from '../../src/matching/match.ts'
import { mappingPolicy, smallStandard } from '../fixtures/standard.ts'
import { contractFor, feeds, type Meaning } from './feeds.ts'

const mapped = (contract: FeedContract, standard: Standard = smallStandard, policy: MappingPolicy = mappingPolicy) => {
  const all = new Set(standard.columns.map(({ name }) => name))
  return decide(match(contract, standard, policy, all, new Set()), standard, policy)
}

/** What was taken without asking, by standard column. */
function taken(contract: FeedContract, standard = smallStandard, policy = mappingPolicy): Record<string, string> {
  const names = new Map(contract.columns.map(({ name, sourceName }) => [name, sourceName]))
  return Object.fromEntries(
    mapped(contract, standard, policy)
      .columns.filter(({ status }) => status === 'accepted')
      .map(({ column, sourceColumns: [source] }) => [column, names.get(source!)!]),
  )
}

const expected = (meanings: readonly Meaning[]): Record<string, string> =>
  Object.fromEntries(meanings.flatMap(([header, means]) => (means === null ? [] : [[means, header]])))

describe('a feed is mapped as a careful person would', () => {
  test.each(Object.entries(feeds))('%s', (_, meanings) => {
    expect(taken(contractFor(meanings))).toEqual(expected(meanings))
  })
})

describe('whatever the feed', () => {
  const anyFeed = fc
    .constantFrom(...Object.values(feeds))
    .chain(meanings => fc.shuffledSubarray([...meanings], { minLength: 1 }))

  test('confidence is a share, each source is used once, and the same question has the same answer', () => {
    fc.assert(
      fc.property(anyFeed, meanings => {
        const { columns } = mapped(contractFor(meanings))
        for (const { confidence, candidates } of columns) {
          for (const share of [confidence, ...candidates.map(one => one.confidence)]) {
            expect(share).toBeGreaterThanOrEqual(0)
            expect(share).toBeLessThanOrEqual(1)
          }
        }
        const used = columns.flatMap(({ sourceColumns }) => sourceColumns)
        expect(used).toEqual([...new Set(used)])
        expect(mapped(contractFor(meanings))).toEqual(mapped(contractFor(meanings)))
      }),
      { numRuns: 40 },
    )
  })

  test('the order of its columns changes nothing', () => {
    const whole = fc
      .constantFrom(...Object.values(feeds))
      .chain(meanings => fc.shuffledSubarray([...meanings], { minLength: meanings.length }))
    fc.assert(
      fc.property(whole, meanings => {
        expect(taken(contractFor(meanings))).toEqual(expected(meanings))
      }),
      { numRuns: 30 },
    )
  })

  test('a standard whose columns are renamed, with the old names as synonyms, gives the same mapping', () => {
    const renamed = (name: string): string =>
      `x${[...name].map(letter => letter.charCodeAt(0).toString(36)).join('')}`.slice(0, 60)
    const other: Standard = {
      ...smallStandard,
      key: smallStandard.key.map(renamed),
      columns: smallStandard.columns.map(column => ({
        ...column,
        name: renamed(column.name),
        synonyms: { ...column.synonyms, was: [column.name] },
      })),
    }
    for (const meanings of Object.values(feeds)) {
      const found = Object.entries(expected(meanings)).map(([column, header]) => [renamed(column), header])
      expect(taken(contractFor(meanings), other)).toEqual(Object.fromEntries(found))
    }
  })

  test('letter case, separators and plural of a header change nothing', () => {
    const respell = fc.constantFrom<(header: string) => string>(
      header => header.toUpperCase(),
      header => header.toLowerCase().replace(/[^\p{L}\p{N}()]+/gu, '_'),
      header => header.replace(/[^\p{L}\p{N}()]+/gu, '-'),
      header => ` ${header} `,
    )
    const snake = feeds['a shop system, snake case, with many that look alike']!
    fc.assert(
      fc.property(respell, change => {
        const spelled = snake.map(([header, ...rest]): Meaning => [change(header), ...rest])
        expect(Object.keys(taken(contractFor(spelled))).sort()).toEqual(Object.keys(expected(snake)).sort())
      }),
    )
  })
})

describe('what decides is the catalog', () => {
  const one = (header: string, type = 'string', ...samples: string[]) => contractFor([[header, null, type, ...samples]])
  const of = (contract: FeedContract, column: string, standard = smallStandard) =>
    mapped(contract, standard).columns.find(found => found.column === column)!

  test('a header nobody knows is nothing until the standard has it as a synonym', () => {
    expect(of(one('Gebinde'), 'brand').status).toBe('absent')
    const taught: Standard = {
      ...smallStandard,
      columns: smallStandard.columns.map(column =>
        column.name === 'brand' ? { ...column, synonyms: { de: ['Gebinde'] } } : column,
      ),
    }
    const found = of(one('Gebinde'), 'brand', taught)
    expect(found).toMatchObject({ status: 'accepted', expression: '"c0"', step: 'evidence' })
    expect(found.evidence[0]).toMatchObject({ kind: 'synonym', detail: 'Gebinde is its synonym Gebinde' })
  })

  test('without weights there is no evidence, so nothing is taken', () => {
    expect(
      taken(contractFor(feeds['camel case']!), smallStandard, { ...mappingPolicy, weights: { prior: -4.5 } }),
    ).toEqual({})
  })

  test('a name the standard calls something else is not taken, however alike', () => {
    expect(of(one('Special Price From', 'date'), 'sale_price').status).toBe('absent')
  })

  test('values speak against a name: a barcode column of words is a question or nothing, one of GTINs is taken', () => {
    expect(of(one('barcode', 'string', '4006381333931'), 'gtin').status).toBe('accepted')
    expect(of(one('barcode', 'string', 'yes', 'no'), 'gtin').confidence).toBeLessThan(
      of(one('barcode'), 'gtin').confidence,
    )
  })

  test('a unit at the end of a name counts as said aside where policy lists it, and nowhere else', () => {
    const policy = { ...mappingPolicy, asides: ['usd'] }
    expect(taken(one('price_usd', 'double', '9.2'), smallStandard, policy)).toEqual({ price: 'price_usd' })
    expect(taken(one('price_usd', 'double', '9.2'))).toEqual({})
    expect(taken(one('price_xyz', 'double', '9.2'), smallStandard, policy)).toEqual({})
    expect(taken(one('usd'), smallStandard, policy)).toEqual({})
  })

  test('two columns that fit as well as each other are a question, even if each is sure', () => {
    const { columns, optional } = mapped(
      contractFor([
        ['Price EUR', null, 'decimal(18,2)', '1.5'],
        ['Price USD', null, 'decimal(18,2)', '1.5'],
      ]),
    )
    const price = columns.find(({ column }) => column === 'price')!
    expect(price.status).not.toBe('accepted')
    expect(price.candidates.map(({ sourceColumn }) => sourceColumn).sort()).toEqual(
      price.status === 'open' ? ['c0', 'c1'] : [],
    )
    expect(optional.map(({ column }) => column)).toEqual(price.status === 'open' ? ['price'] : [])
  })

  test('a required column that nothing fits waits for a person; with a fallback it does not', () => {
    const { blocking, columns } = mapped(one('invoice'))
    expect(blocking.map(({ column }) => column)).toEqual(['sku', 'title'])
    expect(columns.find(({ column }) => column === 'sku')).toMatchObject({ status: 'open', expression: null })
    const standard: Standard = {
      ...smallStandard,
      columns: smallStandard.columns.map(column => ({ ...column, required: column.name === 'currency' })),
    }
    expect(mapped(one('invoice'), standard).blocking).toEqual([])
  })

  test('a policy that refuses what is unsure ends the delivery, and says whose it is', () => {
    expect(() => mapped(one('invoice'), smallStandard, { ...mappingPolicy, unsureRequired: 'refuse' })).toThrow(
      expect.objectContaining({ code: 'MAPPING_MISSING', owner: 'data-office' }),
    )
  })

  test('a policy that does not ask about optional columns asks nothing', () => {
    const policy: MappingPolicy = { ...mappingPolicy, unsureOptional: 'leave-null', acceptConfidence: 1 }
    expect(mapped(contractFor(feeds['camel case']!), smallStandard, policy).optional).toEqual([])
  })

  test('a column that is spoken for, and one that is retired, are no candidates', () => {
    const contract = contractFor([
      ['brand', null],
      ['vendor', null],
    ])
    const all = new Set(['brand'])
    const without = match(contract, smallStandard, mappingPolicy, all, new Set(['c0']))
    expect(without[0]!.candidates.map(({ sourceColumn }) => sourceColumn)).toEqual(['c1'])
    const retired = {
      ...contract,
      columns: contract.columns.map(column => ({ ...column, retired: column.name === 'c1' })),
    }
    expect(match(retired, smallStandard, mappingPolicy, all, new Set())[0]!.candidates).toHaveLength(1)
  })
})
