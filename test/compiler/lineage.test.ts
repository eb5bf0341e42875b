/** Which column is made of which, as OpenLineage has it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { loadLineage, stageLineage } from '../../src/compiler/lineage.ts'
import { bronzeMetadata } from '../../src/compiler/tables.ts'
import { anyContract, column, contractOf, facts } from './contracts.ts'
import { contract, documents, mapped, mappingOf, standard } from './core-fixture.ts'

/** OpenLineage 2-0-2 with the facets that are used; what stands there beyond it would be a facet nobody knows. */
const Facet = z.looseObject({ _producer: z.url(), _schemaURL: z.url() })
const InputField = z.strictObject({
  namespace: z.string(),
  name: z.string(),
  field: z.string(),
  transformations: z.array(
    z.strictObject({
      type: z.enum(['DIRECT', 'INDIRECT']),
      subtype: z.enum([
        'IDENTITY',
        'TRANSFORMATION',
        'AGGREGATION',
        'JOIN',
        'GROUP_BY',
        'FILTER',
        'SORT',
        'WINDOW',
        'CONDITIONAL',
      ]),
      description: z.string(),
      masking: z.boolean(),
    }),
  ),
})
const Dataset = z.strictObject({
  namespace: z.string(),
  name: z.string(),
  facets: z.strictObject({
    schema: Facet.extend({
      fields: z.array(z.strictObject({ name: z.string(), type: z.string(), description: z.string().optional() })),
    }),
    columnLineage: Facet.extend({
      fields: z.record(z.string(), z.strictObject({ inputFields: z.array(InputField).min(1) })),
      dataset: z.array(InputField).optional(),
    }).optional(),
  }),
})
const RunEvent = z.strictObject({
  eventType: z.literal('COMPLETE'),
  eventTime: z.iso.datetime(),
  run: z.strictObject({ runId: z.uuid() }),
  job: z.strictObject({ namespace: z.string(), name: z.string() }),
  inputs: z.array(Dataset),
  outputs: z.array(Dataset),
  producer: z.url(),
  schemaURL: z.url(),
})

describe('lineage of a load', () => {
  test('names the file, its columns and what became of them', () => {
    const small = contractOf([
      column('sku', 'string', { sourceName: 'SKU' }),
      column('price', 'decimal(18,2)'),
      column('old', 'string', { retired: true }),
    ])
    const event = RunEvent.parse(loadLineage(small, facts))
    expect(event).toMatchObject({
      eventTime: facts.ingestedAt,
      job: { namespace: 'aiworkflow', name: 'load product_raw.acme_products' },
      inputs: [{ namespace: 'landing', name: 'acme/products.csv' }],
      outputs: [{ namespace: 'aiworkflow', name: 'product_raw.acme_products' }],
    })
    const file = { namespace: 'landing', name: 'acme/products.csv' }
    const how = (subtype: string, description: string) => [{ type: 'DIRECT', subtype, description, masking: false }]
    expect(event.outputs[0]?.facets.columnLineage?.fields).toEqual({
      sku: { inputFields: [{ ...file, field: 'SKU', transformations: how('IDENTITY', 'as it stands') }] },
      price: {
        inputFields: [{ ...file, field: 'price', transformations: how('TRANSFORMATION', 'typed as decimal(18,2)') }],
      },
    })
  })

  test('leaves no column out, is the same each time, and another of another run', () => {
    fc.assert(
      fc.property(anyContract, any => {
        const event = RunEvent.parse(loadLineage(any, facts))
        expect(loadLineage(structuredClone(any), facts)).toEqual(event)
        expect(loadLineage(any, { ...facts, runId: 'r_2' }).run).not.toEqual(event.run)
        const [output] = event.outputs
        const unsourced = new Set([
          ...bronzeMetadata.map(({ name }) => name),
          ...any.columns.filter(({ retired }) => retired).map(({ name }) => name),
        ])
        const expected = output?.facets.schema.fields.map(({ name }) => name).filter(name => !unsourced.has(name))
        expect(Object.keys(output?.facets.columnLineage?.fields ?? {}).sort()).toEqual(expected?.sort())
      }),
      { numRuns: 30 },
    )
  })
})

describe('lineage of a stage', () => {
  test('follows mappings and rules to the columns of the feed', () => {
    const mapping = mappingOf([
      mapped('id', 'artnr'),
      mapped('title', "concat(name, ' ', artnr)"),
      mapped('price', 'preis'),
      mapped('stock', 'menge'),
      mapped('colour', null),
    ])
    const event = RunEvent.parse(stageLineage({ ...documents, mapping }, facts))
    const bronze = { namespace: 'aiworkflow', name: `product_raw.${contract.vendor}_${contract.table}` }
    expect(event.inputs[0]).toMatchObject(bronze)
    expect(event.outputs[0]).toMatchObject({ namespace: 'aiworkflow', name: `product_core.${standard.name}` })
    const lineage = event.outputs[0]?.facets.columnLineage
    const sources = Object.entries(lineage?.fields ?? {}).map(([name, { inputFields }]) => [
      name,
      inputFields.map(({ field, transformations }) => `${field} ${transformations[0]?.subtype}`),
    ])
    expect(Object.fromEntries(sources)).toEqual({
      id: ['artnr TRANSFORMATION'],
      title: ['artnr TRANSFORMATION', 'name TRANSFORMATION'],
      price: [expect.stringMatching(/^preis /)],
      stock: ['menge TRANSFORMATION'],
    })
    expect(lineage?.dataset).toEqual([
      {
        ...bronze,
        field: 'artnr',
        transformations: [
          { type: 'INDIRECT', subtype: 'WINDOW', description: 'the last row of each key remains', masking: false },
        ],
      },
      {
        ...bronze,
        field: 'preis',
        transformations: [{ type: 'INDIRECT', subtype: 'FILTER', description: 'price.positive', masking: false }],
      },
    ])
  })
})
