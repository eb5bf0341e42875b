import { beforeEach, describe, expect, test } from 'vitest'
import type { Decision } from '../../contracts/data/decision.ts'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { Mapping } from '../../contracts/data/mapping.ts'
import { Failure } from '../../contracts/failures.ts'
import type { Catalog } from '../../src/catalog/catalog.ts'
import { SqliteStateStore } from '../../src/state/sqlite.ts'
import { connectInMemory, type ToolClient } from '../../src/tools/client.ts'
import { keptPerQuestion } from '../../src/tools/metadata/decisions.ts'
import { metadataServer } from '../../src/tools/metadata/server.ts'

const feed = { vendor: 'acme', table: 'products' }
const defaults = { region: 'eu', currency: 'EUR', owner: 'feeds', deliveryMode: 'full' as const }
const policy = { newFeed: 'accept' }
const contract: FeedContract = {
  ...feed,
  version: 1,
  status: 'active',
  owner: 'acme-team',
  deliveryMode: 'full',
  checks: [],
  createdAt: '2026-11-24T00:00:00Z',
  format: { kind: 'ndjson', encoding: 'utf-8', compression: 'none' },
  nullTokens: [],
  columns: [{ name: 'sku', sourceName: 'sku', type: 'string', nullable: false }],
  keys: [],
  partitionCandidates: [],
  rowCount: 1,
  sizeBytes: 10,
  quality: [],
  confidence: 1,
}
const mapping: Mapping = {
  ...feed,
  version: 1,
  owner: 'acme-team',
  standard: { name: 'product', version: '3.2.1' },
  contractVersion: 1,
  region: 'eu',
  columns: [],
  createdAt: '2026-11-24T00:00:00Z',
}

/** A catalog in memory that keeps the interface's promises about versions. */
function memoryCatalog(): Catalog {
  const versions = <T extends { vendor: string; table: string; version: number }>() => {
    const kept: T[] = []
    const of = (wanted: typeof feed) =>
      kept.filter(each => each.vendor === wanted.vendor && each.table === wanted.table)
    return {
      get: async (wanted: typeof feed, version?: number) =>
        of(wanted).findLast(each => version === undefined || each.version === version),
      list: async () => kept,
      put: async (document: T) => {
        const known = of(document).find(each => each.version === document.version)
        if (known === undefined) {
          kept.push(document)
          return 'written' as const
        }
        if (JSON.stringify(known) === JSON.stringify(document)) return 'unchanged' as const
        throw new Failure('CONTRACT_VERSION_TAKEN', `v${document.version} says something else.`)
      },
    }
  }
  const contracts = versions<FeedContract>()
  const mappings = versions<Mapping>()
  return {
    standard: async name => {
      throw new Failure('STANDARD_MISSING', `There is no standard ${name}.`)
    },
    rules: async () => ({ kind: 'rules', owner: 'stewards', normalization: [], checks: [] }),
    vendors: async () => ({
      kind: 'vendors',
      default: defaults,
      vendors: { acme: { region: 'us', currency: 'USD' } },
      patterns: [],
    }),
    policies: async () => policy as never,
    contract: contracts.get,
    contracts: contracts.list,
    putContract: contracts.put,
    mapping: mappings.get,
    mappings: mappings.list,
    putMapping: mappings.put,
    digest: async vendor => `digest of ${vendor ?? 'all'}`,
  }
}

let store: SqliteStateStore
let client: ToolClient
beforeEach(async () => {
  store = new SqliteStateStore({ path: ':memory:' })
  client = await connectInMemory(metadataServer({ catalog: memoryCatalog(), store }))
  return () => store.close()
})
const call = (tool: string, input: Record<string, unknown> = {}) =>
  client.call(tool, input, { trace: {}, timeoutMs: 5_000 })

describe('the catalog as tools', () => {
  test('a contract is put once; again the same is accepted, another of that version is refused', async () => {
    expect(await call('get_contract', { feed })).toEqual({ contract: null })
    expect(await call('put_contract', { contract })).toEqual({ version: 1, created: true })
    expect(await call('put_contract', { contract })).toEqual({ version: 1, created: false })
    await expect(call('put_contract', { contract: { ...contract, owner: 'other' } })).rejects.toMatchObject({
      code: 'CONTRACT_VERSION_TAKEN',
    })
    await call('put_contract', { contract: { ...contract, version: 2 } })
    expect(await call('get_contract', { feed })).toMatchObject({ contract: { version: 2 } })
    expect(await call('get_contract', { feed, version: 1 })).toEqual({ contract })
    expect(await call('get_contract', { feed, version: 3 })).toEqual({ contract: null })
  })

  test('lists name the latest version of every feed, by feed', async () => {
    const other = { ...contract, vendor: 'abel' }
    for (const each of [contract, { ...contract, version: 2, status: 'proposed' }, other])
      await call('put_contract', { contract: each })
    expect(await call('list_contracts')).toEqual({
      contracts: [
        { feed: { vendor: 'abel', table: 'products' }, version: 1, owner: 'acme-team', status: 'active' },
        { feed, version: 2, owner: 'acme-team', status: 'proposed' },
      ],
    })
    await call('put_mapping', { mapping })
    expect(await call('list_mappings')).toEqual({ mappings: [{ feed, version: 1, owner: 'acme-team' }] })
    expect(await call('get_mapping', { feed })).toEqual({ mapping })
  })

  test('a vendor without an entry has the defaults, one with some has its own where it says so', async () => {
    expect(await call('get_vendor', { vendor: 'nobody' })).toEqual({ vendor: { vendor: 'nobody', ...defaults } })
    expect(await call('get_vendor', { vendor: 'acme' })).toEqual({
      vendor: { vendor: 'acme', ...defaults, region: 'us', currency: 'USD' },
    })
  })

  test('rules come with the digest of what governs core; what is missing is the failure of the catalog', async () => {
    expect(await call('get_rules')).toEqual({ normalization: [], checks: [], digest: 'digest of all' })
    expect(await call('get_rules', { vendor: 'acme' })).toMatchObject({ digest: 'digest of acme' })
    await expect(call('get_standard')).rejects.toMatchObject({ code: 'STANDARD_MISSING' })
    await expect(call('get_policies')).rejects.toMatchObject({ code: 'TOOL_OUTPUT_INVALID' })
  })
})

describe('decisions', () => {
  const decision = (id: string, minute: number, more: Partial<Decision> = {}): Decision => ({
    id,
    runId: 'r_1',
    feed,
    agent: 'modeling',
    question: 'mapping:gtin',
    answer: 'ean',
    step: 'person',
    confidence: 1,
    evidence: [],
    by: 'ann',
    costMicros: 0,
    at: new Date(Date.UTC(2026, 10, 24, 0, minute)).toISOString(),
    ...more,
  })
  const recall = async (of = feed) =>
    ((await call('recall_decisions', { feed: of })) as { decisions: Decision[] }).decisions

  test('they are recalled by question, the latest first, and only those of the feed', async () => {
    const given = [decision('a', 1), decision('b', 3), decision('c', 2), decision('d', 9, { question: 'contract' })]
    expect(await call('record_decisions', { decisions: given })).toEqual({ recorded: 4 })
    await call('record_decisions', { decisions: [decision('e', 1, { feed: { vendor: 'acme', table: 'product' } })] })
    expect((await recall()).map(each => each.id)).toEqual(['d', 'b', 'c', 'a'])
    expect(await recall({ vendor: 'nobody', table: 'products' })).toEqual([])
  })

  test('the same id again changes nothing, also within one call', async () => {
    await call('record_decisions', { decisions: [decision('a', 1)] })
    const again = [decision('a', 2, { answer: 'upc' }), decision('b', 2), decision('b', 2)]
    expect(await call('record_decisions', { decisions: again })).toEqual({ recorded: 1 })
    expect((await recall()).find(each => each.id === 'a')).toEqual(decision('a', 1))
    expect(await call('record_decisions', { decisions: [] })).toEqual({ recorded: 0 })
  })

  test('two writers at once lose nothing', async () => {
    const batches = Array.from({ length: 8 }, (_, index) => [decision(`x${index}`, index), decision('shared', 1)])
    const answers = await Promise.all(batches.map(decisions => call('record_decisions', { decisions })))
    expect(answers.reduce((sum: number, answer) => sum + (answer as { recorded: number }).recorded, 0)).toBe(9)
    expect(await recall()).toHaveLength(9)
  })

  test('a question that looks like a path stays within its own keys', async () => {
    const odd = ['mapping:../../x', 'a/b', 'a', '%', 'Ä\ud800']
    const decisions = odd.map((question, index) => decision(`o${index}`, index, { question }))
    await call('record_decisions', { decisions })
    expect((await recall()).map(each => each.question).sort()).toEqual(odd.toSorted())
  })

  test('of one question the newest are kept', async () => {
    for (let minute = 0; minute < keptPerQuestion + 3; minute += 1)
      await call('record_decisions', { decisions: [decision(`n${minute}`, minute)] })
    const kept = await recall()
    expect(kept).toHaveLength(keptPerQuestion)
    expect(kept.at(-1)?.id).toBe('n3')
  })
})
