import { defineAgent } from '../../src/runtime/define-agent.ts'
import { validatorGraph } from './graph.ts'

/** Counts for itself, judges, and only then publishes. */
export const validator = defineAgent({
  name: 'validator',
  build: checkpointer => validatorGraph.compile({ checkpointer, name: 'validator' }),
})
