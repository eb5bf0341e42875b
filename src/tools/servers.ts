import path from 'node:path'
import type { Feed } from '../../contracts/data/common.ts'
import type { ServerName } from '../../contracts/tools/index.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { EngineOffer } from '../compiler/engine-choice.ts'
import type { SparkCluster } from '../lakehouse/engine/spark/cluster.ts'
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
  readonly engines?: EngineOffer | undefined
  readonly spark?: SparkCluster | undefined
}

/** One of the three servers over one workspace. It is given what it works on and nothing else. */
export function createToolServer(name: ServerName, workplace: Workplace, spans?: Spans): ToolServer {
  const { workspace, catalog, store } = workplace
  if (name === 'filesystem') {
    const policy = async () => (await catalog.policies()).discovery
    const roots = createRoots(workspace, [landingFolder, deliveriesFolder])
    return filesystemServer({ roots, policy }, spans)
  }
  if (name === 'metadata') return metadataServer({ catalog, store }, spans)
  const decisions = createDecisionBook(store)
  const decisionsOf = async (feed: Feed, runId: string) =>
    (await decisions.recall(feed)).filter(decision => decision.runId === runId)
  const deliveries = createRoots(workspace, [deliveriesFolder])
  const keepSql = sqlKeeper(path.join(workspace, runsFolder))
  const { lakehouse, engines, spark } = workplace
  return lakehouseServer({ lakehouse, deliveries, keepSql, decisionsOf, engines, spark }, spans)
}
