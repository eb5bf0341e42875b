import type { TableRef } from '../../../contracts/data/load-plan.ts'
import { Failure } from '../../../contracts/failures.ts'
import { toolServers } from '../../../contracts/tools/index.ts'
import { embeddedOnly } from '../../compiler/engine-choice.ts'
import { type Spans, serveTools, type ToolHandlers, type ToolServer } from '../server.ts'
import { createTables } from './create-table.ts'
import type { LakehouseDependencies } from './dependencies.ts'
import { runLoadPlan } from './load.ts'
import { markDelivery } from './marks.ts'
import { coreNamespace } from './names.ts'
import { findWrite, queryTables, tableHistory } from './reading.ts'
import { stageRollback } from './roll-back.ts'
import { stageCore } from './stage.ts'

/** The lakehouse tools: raw tables are appended to, core tables are staged and published, everything may be read. */
export function lakehouseServer(dependencies: LakehouseDependencies, spans?: Spans): ToolServer {
  const { lakehouse } = dependencies
  const handlers: ToolHandlers<typeof toolServers.lakehouse> = {
    create_table: input => createTables(lakehouse, input),
    run_load_plan: (input, call) => runLoadPlan({ ...dependencies, spans }, input, call),
    list_engines: () => dependencies.engines ?? embeddedOnly,
    query: input => queryTables(lakehouse, input),
    stage_core: input => stageCore(dependencies, input),
    stage_rollback: input => stageRollback(dependencies, input),
    mark_delivery: input => markDelivery(lakehouse, input),
    publish: async ({ table, branch, writeKey }) => {
      refuseOthers(table)
      return lakehouse.publish(table, { branch, writeKey })
    },
    discard_branch: async ({ table, branch }) => {
      refuseOthers(table)
      return { discarded: await lakehouse.dropBranch(table, branch) }
    },
    find_write: input => findWrite(lakehouse, input),
    table_history: input => tableHistory(lakehouse, input),
  }
  return serveTools('lakehouse', toolServers.lakehouse, handlers, spans)
}

/** Branches are staged on core tables alone: no other table is changed by publishing or discarding one. */
function refuseOthers({ namespace, name }: TableRef): void {
  if (namespace === coreNamespace) return
  throw new Failure(
    'TOOL_FORBIDDEN',
    `${namespace}.${name} is no core table: branches are those of ${coreNamespace}.`,
    {
      wayOut: `Name a table of ${coreNamespace}.`,
    },
  )
}
