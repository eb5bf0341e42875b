import { defineAgent } from '../../src/runtime/define-agent.ts'
import { ingestionGraph } from './graph.ts'

/** Loads a delivery into its raw table; what does not fit goes to the error table, nothing is dropped. */
export const ingestion = defineAgent({
  name: 'ingestion',
  build: checkpointer => ingestionGraph.compile({ checkpointer, name: 'ingestion' }),
})
