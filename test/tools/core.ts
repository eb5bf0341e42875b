/** A feed, a standard and the mapping between them, for what stages core rows. */
import type { Delivery } from '../../contracts/data/delivery.ts'
import type { MappedColumn, Mapping } from '../../contracts/data/mapping.ts'
import type { Standard } from '../../contracts/data/standard.ts'
import type { ToolInput } from '../../contracts/tools/index.ts'
import { column, contractOf, runOf, traceId } from './lake.ts'

export const columns = [column('sku'), column('title'), column('price', 'decimal(10,2)')]
export const contract = contractOf(columns)

export const standard: Standard = {
  kind: 'standard',
  name: 'product',
  version: '3.2.1',
  owner: 'stewards',
  description: 'Products.',
  key: ['product_id'],
  columns: [
    {
      name: 'product_id',
      type: 'string',
      required: true,
      definition: 'Its id.',
      synonyms: {},
      antonyms: [],
      semantics: [],
    },
    {
      name: 'product_name',
      type: 'string',
      required: false,
      definition: 'Its name.',
      synonyms: {},
      antonyms: [],
      semantics: [],
    },
    {
      name: 'price_amount',
      type: 'decimal(18,2)',
      required: false,
      definition: 'Its price.',
      synonyms: {},
      antonyms: [],
      semantics: [],
    },
  ],
  checks: [
    {
      id: 'price.positive',
      scope: 'row',
      column: 'price_amount',
      expression: 'price_amount > 0',
      severity: 'reject',
      toleratedFraction: 0,
      message: 'A price is positive.',
      owner: 'stewards',
    },
  ],
}
export const mapped = (name: string, source: string): MappedColumn => ({
  column: name,
  expression: source,
  sourceColumns: [source],
  status: 'accepted',
  step: 'evidence',
  confidence: 1,
  evidence: [],
  candidates: [],
})
export const mapping: Mapping = {
  vendor: 'acme',
  table: 'products',
  version: 1,
  owner: 'acme-team',
  standard: { name: 'product', version: '3.2.1' },
  contractVersion: 1,
  region: 'eu',
  columns: [mapped('product_id', 'sku'), mapped('product_name', 'title'), mapped('price_amount', 'price')],
  createdAt: '2026-11-24T00:00:00.000Z',
}
export const vendor = {
  vendor: 'acme',
  region: 'eu',
  currency: 'EUR',
  owner: 'acme-team',
  deliveryMode: 'delta' as const,
}
export const core = { namespace: 'product_core', name: 'product' }

export type Stage = ToolInput<'lakehouse.stage_core'>
export const staging = (delivery: Delivery, run: number, more: Partial<Stage> = {}): Stage => ({
  writeKey: `core ${run}`,
  run: { id: runOf(run), traceId },
  delivery,
  contract,
  mapping,
  standard,
  normalization: [],
  checks: [],
  vendor,
  laterDeliveries: [],
  replacedDeliveries: [],
  ...more,
})
