import { ingestion } from './ingestion/agent.ts'
import { modeling } from './modeling/agent.ts'
import { planner } from './planner/agent.ts'
import { validator } from './validator/agent.ts'

/** The four agents, by name. */
export const agents = { planner, ingestion, modeling, validator } as const
