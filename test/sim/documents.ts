/** The documents that tools demand of an agent, as small as their schemas allow. They govern nothing: the simulated world is no lake. */
import type { Delivery, Run } from '../../contracts/data/delivery.ts'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { LoadPlan, TableRef } from '../../contracts/data/load-plan.ts'
import type { SpendingPolicy } from '../../contracts/data/policy.ts'
import type { StageInput } from '../../contracts/tools/lakehouse.ts'

export const owner = 'simulator'
export const coreTable: TableRef = { namespace: 'product_core', name: 'product' }

/** Tries that are over before anyone waits for them, and a budget that is never the reason. */
export const spending: SpendingPolicy = {
  kind: 'policy.spending',
  owner,
  run: { toolCalls: 10_000, wallMs: 10_000_000, modelTokens: 0, moneyMicros: 0 },
  retry: { maxAttempts: 8, firstDelayMs: 1, maxDelayMs: 4 },
  replays: { perLetter: 10 },
}

const columns = [{ name: 'sku', sourceName: 'sku', type: 'string', nullable: false }]

export const contractOf = (delivery: Delivery): FeedContract => ({
  ...delivery.feed,
  version: 1,
  status: 'active',
  owner,
  deliveryMode: 'delta',
  format: { kind: 'ndjson', encoding: 'utf-8', compression: 'none' },
  nullTokens: [],
  columns,
  keys: [],
  partitionCandidates: [],
  rowCount: 1,
  sizeBytes: delivery.sizeBytes,
  quality: [],
  confidence: 1,
  checks: [],
  createdAt: delivery.receivedAt,
})

export const rawTable = ({ feed }: Delivery): TableRef => ({
  namespace: 'product_raw',
  name: `${feed.vendor}_${feed.table}`,
})

export const planOf = (run: Run, delivery: Delivery): LoadPlan => ({
  deliveryId: delivery.id,
  runId: run.id,
  traceId: run.traceId,
  writeKey: `load ${delivery.id}`,
  contract: { ...delivery.feed, version: 1 },
  table: rawTable(delivery),
  errors: { namespace: 'product_raw', name: 'ingest_errors' },
  file: delivery.file,
  ingestionDate: delivery.ingestionDate,
  columns: [{ name: 'sku', type: 'string', required: true }],
  partition: [],
  engine: 'duckdb',
  engineReason: 'there is no other',
  estimatedRows: 1,
  sql: { accepted: '', rejected: '' },
})

/** @param round how often core was staged before in the run */
export const stageOf = (run: Run, delivery: Delivery, round: number): StageInput => ({
  writeKey: stageKey(run.id, round),
  run: { id: run.id, traceId: run.traceId },
  delivery,
  contract: contractOf(delivery),
  mapping: {
    ...delivery.feed,
    version: 1,
    owner,
    standard: { name: coreTable.name, version: '1.0.0' },
    contractVersion: 1,
    region: 'EU',
    columns: [],
    createdAt: delivery.receivedAt,
  },
  standard: {
    kind: 'standard',
    name: coreTable.name,
    version: '1.0.0',
    owner,
    description: '',
    columns: [
      {
        name: 'sku',
        type: 'string',
        required: true,
        definition: 'its number',
        synonyms: {},
        antonyms: [],
        semantics: [],
      },
    ],
    key: ['sku'],
    checks: [],
  },
  normalization: [],
  checks: [],
  vendor: { vendor: delivery.feed.vendor, region: 'EU', currency: 'EUR', owner, deliveryMode: 'delta' },
  laterDeliveries: [],
  replacedDeliveries: [],
})

export const stageKey = (runId: string, round: number): string => `stage ${runId} ${round}`
export const roundOf = (key: string): number => Number(key.split(' ').at(-1))
