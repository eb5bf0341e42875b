import { toolServers } from '../../../contracts/tools/index.ts'
import { type Catalog, vendorFacts } from '../../catalog/catalog.ts'
import type { StateStore } from '../../state/store.ts'
import { type Spans, serveTools, type ToolHandlers, type ToolServer } from '../server.ts'
import { createDecisionBook } from './decisions.ts'
import { latestOfEachFeed } from './latest.ts'

export interface MetadataDependencies {
  readonly catalog: Catalog
  readonly store: StateStore
}

/** The metadata tools: the catalog that people own, and the decisions that were made on it. */
export function metadataServer({ catalog, store }: MetadataDependencies, spans?: Spans): ToolServer {
  const decisions = createDecisionBook(store)
  const handlers: ToolHandlers<typeof toolServers.metadata> = {
    get_standard: async ({ name }) => ({ standard: await catalog.standard(name) }),
    get_rules: async ({ vendor }) => {
      const [{ normalization, checks }, digest] = await Promise.all([catalog.rules(), catalog.digest(vendor)])
      return { normalization, checks, digest }
    },
    get_policies: async () => ({ policies: await catalog.policies() }),
    get_vendor: async ({ vendor }) => ({ vendor: { vendor, ...vendorFacts(await catalog.vendors(), vendor) } }),
    get_contract: async ({ feed, version }) => ({ contract: (await catalog.contract(feed, version)) ?? null }),
    put_contract: async ({ contract }) => ({
      version: contract.version,
      created: (await catalog.putContract(contract)) === 'written',
    }),
    list_contracts: async () => {
      const contracts = await latestOfEachFeed(await catalog.contracts(), (feed, version) =>
        catalog.contract(feed, version),
      )
      return {
        contracts: contracts.map(({ feed, document }) => ({ ...summary(feed, document), status: document.status })),
      }
    },
    get_mapping: async ({ feed, version }) => ({ mapping: (await catalog.mapping(feed, version)) ?? null }),
    put_mapping: async ({ mapping }) => ({
      version: mapping.version,
      created: (await catalog.putMapping(mapping)) === 'written',
    }),
    list_mappings: async () => {
      const mappings = await latestOfEachFeed(await catalog.mappings(), (feed, version) =>
        catalog.mapping(feed, version),
      )
      return { mappings: mappings.map(({ feed, document }) => summary(feed, document)) }
    },
    record_decisions: async input => ({ recorded: await decisions.record(input.decisions) }),
    recall_decisions: async ({ feed }) => ({ decisions: await decisions.recall(feed) }),
  }
  return serveTools('metadata', toolServers.metadata, handlers, spans)
}

const summary = <F>(feed: F, { version, owner }: { version: number; owner: string }) => ({ feed, version, owner })
