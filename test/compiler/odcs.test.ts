import { readFileSync } from 'node:fs'
import { Ajv2019 } from 'ajv/dist/2019.js'
import formats from 'ajv-formats'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contractFromOdcs, contractToOdcs } from '../../src/compiler/odcs.ts'
import { anyContract, column, contractOf } from './contracts.ts'

const ajv = new Ajv2019({ strict: false, allErrors: true })
formats.default(ajv)
const schema = JSON.parse(readFileSync(new URL('../fixtures/odcs-3.1.0.schema.json', import.meta.url), 'utf8'))
const validate = ajv.compile(schema)

const small = contractOf(
  [
    column('artnr', 'string', { nullable: false, sourceName: 'Art.-Nr.' }),
    column('preis', 'decimal(18,2)', { format: { kind: 'number', decimal: ',', group: '.' }, semantic: 'money' }),
  ],
  {
    keys: [{ kind: 'primary', columns: ['artnr'], evidence: 'no value repeats', confidence: 0.97 }],
    checks: [{ id: 'preis-positiv', expression: 'preis >= 0', severity: 'warn', message: 'The price is negative.' }],
  },
)

describe('feed contract → ODCS', () => {
  test('every contract validates against the official 3.1.0 schema', () => {
    fc.assert(
      fc.property(anyContract, contract => {
        validate(contractToOdcs(contract))
        expect(validate.errors ?? []).toEqual([])
      }),
      { numRuns: 60 },
    )
  })

  test('and comes back as it was', () => {
    fc.assert(
      fc.property(anyContract, contract => {
        const text = JSON.stringify(contractToOdcs(contract))
        expect(contractFromOdcs(JSON.parse(text))).toEqual(contract)
      }),
      { numRuns: 100 },
    )
  })

  test('says in its own words what the standard has a place for', () => {
    const odcs = contractToOdcs(small)
    expect(odcs).toMatchObject({
      apiVersion: 'v3.1.0',
      id: 'acme-products',
      version: '3',
      status: 'active',
      team: [{ username: 'feeds-team', role: 'owner' }],
    })
    expect(odcs.schema[0]!.physicalName).toBe('product_raw.acme_products')
    expect(odcs.schema[0]!.properties[0]).toEqual({
      name: 'artnr',
      physicalName: 'artnr',
      logicalType: 'string',
      physicalType: 'string',
      required: true,
      primaryKey: true,
      primaryKeyPosition: 1,
      transformSourceObjects: ['Art.-Nr.'],
    })
    expect(odcs.schema[0]!.quality![0]).toMatchObject({
      query: 'SELECT count(*) FROM "product_raw"."acme_products" WHERE NOT (preis >= 0)',
      mustBe: 0,
    })
  })

  test('every custom property is a text, as OpenMetadata wants them', () => {
    const odcs = contractToOdcs(small)
    const all = [...odcs.customProperties, ...odcs.schema[0]!.properties.flatMap(one => one.customProperties ?? [])]
    expect(all.filter(({ value }) => typeof value !== 'string')).toEqual([])
    expect(all).toContainEqual({ property: 'format', value: '{"kind":"number","decimal":",","group":"."}' })
  })
})

describe('ODCS → feed contract', () => {
  const byHand = {
    apiVersion: 'v3.1.0',
    kind: 'DataContract',
    id: 'acme-products',
    name: 'acme/products',
    version: '1',
    status: 'active',
    contractCreatedTs: '2026-01-01T00:00:00Z',
    team: { members: [{ username: 'reader' }, { username: 'ada', role: 'owner' }] },
    schema: [
      {
        name: 'products',
        properties: [
          { name: 'sku', physicalType: 'string', required: true, primaryKey: true, primaryKeyPosition: 1 },
          { name: 'price', physicalType: 'decimal(18,2)', physicalName: 'Price' },
        ],
      },
    ],
    customProperties: [{ property: 'format', value: { kind: 'ndjson', encoding: 'utf-8', compression: 'none' } }],
  }

  test('a document written by hand needs no more than its format', () => {
    expect(contractFromOdcs(byHand)).toMatchObject({
      vendor: 'acme',
      table: 'products',
      owner: 'ada',
      deliveryMode: 'full',
      keys: [{ kind: 'primary', columns: ['sku'] }],
      columns: [
        { name: 'sku', sourceName: 'sku', nullable: false },
        { name: 'price', sourceName: 'Price', nullable: true },
      ],
    })
  })

  test.each([
    ['no document', null, 'the document has to be an object'],
    ['another kind', { ...byHand, kind: 'Table' }, 'kind has to be DataContract'],
    ['no format', { ...byHand, customProperties: [] }, 'format: '],
    ['a version that is no number', { ...byHand, version: 'next' }, 'version: '],
    ['no schema', { ...byHand, schema: undefined }, 'schema has to be a list'],
  ])('%s is refused with its place', (_, document, message) => {
    expect(() => contractFromOdcs(document)).toThrow(message)
  })
})
