import path from 'node:path'
import type { Feed } from '../../contracts/data/common.ts'
import type { ServerName } from '../../contracts/tools/index.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Lakehouse } from '../lakehouse/lakehouse.ts'
import type { StateStore } from '../state/store.ts'
import { createRoots } from './filesystem/roots.ts'
import { filesystemServer } from './filesystem/server.ts'
import { sqlKeeper } from './lakehouse/kept-sql.ts'
import { lakehouseServer } from './lakehouse/server.ts'
import { createDecisionBook } from './metadata/decisions.ts'
import { metadataServer } from './metadata/server.ts'
import type { Spans, ToolServer } from './server.ts'

/** Where things are below a workspace. */
export const landingFolder = 'landing'
export const deliveriesFolder = '.aiworkflow/deliveries'
export const runsFolder = '.aiworkflow/runs'

export interface Workplace {
  readonly workspace: string
  readonly catalog: Catalog
  readonly store: StateStore
  readonly lakehouse: Lakehouse
}

/** The three servers over one workspace. Each is given what it works on and nothing else. */
export function createToolServers(
  { workspace, catalog, store, lakehouse }: Workplace,
  spans?: Spans,
): Record<ServerName, ToolServer> {
  const policy = async () => (await catalog.policies()).discovery
  const deliveries = createRoots(workspace, [deliveriesFolder])
  const keepSql = sqlKeeper(path.join(workspace, runsFolder))
  const decisions = createDecisionBook(store)
  const decisionsOf = async (feed: Feed, runId: string) =>
    (await decisions.recall(feed)).filter(decision => decision.runId === runId)
  return {
    filesystem: filesystemServer({ roots: createRoots(workspace, [landingFolder, deliveriesFolder]), policy }, spans),
    lakehouse: lakehouseServer({ lakehouse, deliveries, keepSql, decisionsOf }, spans),
    metadata: metadataServer({ catalog, store }, spans),
  }
}
