/** plan → compile → load → account. */
import { Annotation, END, START, StateGraph } from '@langchain/langgraph'
import type { FeedContract } from '../../contracts/data/feed-contract.ts'
import type { LoadPlan } from '../../contracts/data/load-plan.ts'
import type { BronzeCounts, EventData } from '../../contracts/events/events.ts'
import { Failure } from '../../contracts/failures.ts'
import { choiceOf, compileLoadPlan, type EngineChoice } from '../../src/compiler/load-plan.ts'
import { historyOf, sizeLoad } from '../../src/compiler/sizing.ts'
import { bronzeRef } from '../../src/compiler/tables.ts'
import { agentChannels } from '../../src/runtime/agent-state.ts'
import { node } from '../../src/runtime/define-agent.ts'
import { digest } from '../../src/runtime/identity.ts'

const IngestionState = Annotation.Root({
  ...agentChannels,
  contract: Annotation<FeedContract>(),
  engine: Annotation<EngineChoice>(),
  maxRecordBytes: Annotation<number>(),
  loadPlan: Annotation<LoadPlan>(),
  loaded: Annotation<{ counts: BronzeCounts; snapshotId: string }>(),
})
type State = typeof IngestionState.State
const said = (state: State) => state.event.data as EventData<'contract.ready'>

const plan = node<State>('plan', async (state, { delivery, tools }) => {
  const { version } = said(state).contract
  const { contract } = await tools.call('metadata.get_contract', { feed: delivery.feed, version })
  if (contract === null) {
    throw new Failure(
      'CONTRACT_MISSING',
      `Contract v${version} of ${delivery.feed.vendor}/${delivery.feed.table} is not in the catalog.`,
    )
  }
  const { policies } = await tools.call('metadata.get_policies', {})
  const table = bronzeRef(contract)
  const engines = await tools.call('lakehouse.list_engines', {})
  const known = await tools.call('lakehouse.table_history', { table, limit: 1, ifMissing: 'empty' })
  return {
    contract,
    engine: choiceOf(
      sizeLoad({ sizeBytes: delivery.sizeBytes, contract, history: historyOf(known) }, policies.compute, engines),
    ),
    maxRecordBytes: policies.discovery.maxRecordBytes,
  }
})

const compile = node<State>('compile', async (state, { run, delivery }) => ({
  loadPlan: compileLoadPlan(
    state.contract,
    {
      deliveryId: delivery.id,
      runId: run.id,
      traceId: run.traceId,
      // Bronze is written once per delivery, under the contract in force on arrival: versions do not make it another write.
      writeKey: digest('bronze', delivery.id),
      file: delivery.file,
      ingestionDate: delivery.ingestionDate,
      ingestedAt: delivery.receivedAt,
    },
    state.engine,
  ),
}))

const load = node<State>('load', async (state, { delivery, tools }) => {
  await tools.call('lakehouse.create_table', { contract: state.contract, partition: state.loadPlan.partition })
  const { counts, snapshotId } = await tools.call('lakehouse.run_load_plan', {
    plan: state.loadPlan,
    contract: state.contract,
    delivery,
    maxRecordBytes: state.maxRecordBytes,
  })
  return { loaded: { counts, snapshotId } }
})

const account = node<State>('account', async (state, { run, delivery, emit }) => {
  const { counts, snapshotId } = state.loaded
  if (counts.read !== counts.loaded + counts.rejected) {
    throw new Failure(
      'RECONCILIATION_FAILED',
      `${counts.read} records were read, but ${counts.loaded} loaded and ${counts.rejected} in error make ${counts.loaded + counts.rejected}.`,
      { owner: state.contract.owner },
    )
  }
  const { contract } = said(state)
  const { table } = state.loadPlan
  return {
    progress: { bronze: counts },
    emits: [await emit('bronze.loaded', { run, delivery, contract, table, snapshotId, counts, stagedBefore: 0 })],
  }
})

export const ingestionGraph = new StateGraph(IngestionState)
  .addNode('plan', plan)
  .addNode('compile', compile)
  .addNode('load', load)
  .addNode('account', account)
  .addEdge(START, 'plan')
  .addEdge('plan', 'compile')
  .addEdge('compile', 'load')
  .addEdge('load', 'account')
  .addEdge('account', END)
