import { defineAgent } from '../../src/runtime/define-agent.ts'
import { plannerGraph } from './graph.ts'

/** Looks at a delivery and sees to it that a feed contract covers it. */
export const planner = defineAgent({
  name: 'planner',
  build: checkpointer => plannerGraph.compile({ checkpointer, name: 'planner' }),
})
