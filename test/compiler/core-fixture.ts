/** A small standard, a feed of another language, and the rules between them. */
import { Mapping } from '../../contracts/data/mapping.ts'
import { NormalizationRule } from '../../contracts/data/rule.ts'
import { Standard } from '../../contracts/data/standard.ts'
import type { CoreDocuments } from '../../src/compiler/core-plan.ts'
import { column, contractOf } from './contracts.ts'

export const standard = Standard.parse({
  kind: 'standard',
  name: 'product',
  version: '3.2.1',
  owner: 'data-office',
  description: 'One article.',
  key: ['id'],
  columns: [
    { name: 'id', type: 'string', required: true, definition: 'Article number.' },
    { name: 'title', type: 'string', required: true, definition: 'Name.' },
    { name: 'price', type: 'decimal(18,2)', required: false, definition: 'Price.' },
    { name: 'stock', type: 'long', required: false, definition: 'Stock.' },
    { name: 'currency', type: 'string', required: false, definition: 'Currency.', fallback: 'currency' },
    { name: 'colour', type: 'string', required: false, definition: 'Colour.' },
  ],
  checks: [
    {
      id: 'price.positive',
      column: 'price',
      expression: 'price >= 0',
      severity: 'reject',
      message: 'The price is negative.',
      owner: 'pricing',
    },
    {
      id: 'title.long',
      column: 'title',
      expression: 'length(title) >= 3',
      severity: 'warn',
      message: 'The name is short.',
      owner: 'data-office',
    },
    {
      id: 'some.price',
      scope: 'table',
      expression: 'count(price) > 0',
      severity: 'refuse',
      message: 'No price.',
      owner: 'pricing',
    },
  ],
})

export const contract = contractOf([
  column('artnr', 'string'),
  column('name', 'string'),
  column('preis', 'string'),
  column('menge', 'double'),
])

export const mapped = (name: string, expression: string | null, more: object = {}) => ({
  column: name,
  expression,
  sourceColumns: [],
  status: expression === null ? 'absent' : 'accepted',
  step: 'evidence',
  confidence: 1,
  evidence: [],
  candidates: [],
  ...more,
})

export const mappingOf = (columns: object[]) =>
  Mapping.parse({
    vendor: 'acme',
    table: 'products',
    version: 4,
    owner: 'feeds-team',
    standard: { name: 'product', version: '3.2.1' },
    contractVersion: 3,
    region: 'EU',
    columns,
    createdAt: '2026-01-01T00:00:00Z',
  })

export const rule = (id: string, name: string, region: string, expression: string) =>
  NormalizationRule.parse({ id, column: name, region, expression, owner: 'pricing' })

export const documents: CoreDocuments = {
  contract,
  standard,
  mapping: mappingOf([
    mapped('id', 'artnr'),
    mapped('title', 'name'),
    mapped('price', 'preis'),
    mapped('stock', 'menge'),
  ]),
  normalization: [
    rule('price.us', 'price', 'US', "replace(value, ',', '')"),
    rule('price.eu', 'price', 'EU', "replace(replace(value, '.', ''), ',', '.')"),
    rule('price.any', 'price', '*', 'value'),
    rule('id.any', 'id', '*', 'trim(value)'),
  ],
  checks: [],
  vendor: { vendor: 'acme', region: 'EU', currency: 'SEK' },
}
