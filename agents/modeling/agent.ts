import { defineAgent } from '../../src/runtime/define-agent.ts'
import { modelingGraph } from './graph.ts'

/** Maps raw rows onto the standard and stages them for the validator. */
export const modeling = defineAgent({
  name: 'modeling',
  build: checkpointer => modelingGraph.compile({ checkpointer, name: 'modeling' }),
})
