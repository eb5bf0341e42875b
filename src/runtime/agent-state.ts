/**
 * The channels every agent's graph has. Nodes return partial updates; lists grow, progress is merged. What stands in
 * `emits` is committed in the same transaction as the checkpoint that ends the step, and published afterwards.
 */
import { Annotation } from '@langchain/langgraph'
import type { ApprovalQuestion } from '../../contracts/data/approval.ts'
import type { Decision } from '../../contracts/data/decision.ts'
import type { IncomingEvent, OutgoingEvent } from './outgoing.ts'
import type { Progress } from './run-records.ts'

const list = <T>() => Annotation<T[], T[]>({ reducer: (left, right) => [...left, ...right], default: () => [] })

export const agentChannels = {
  event: Annotation<IncomingEvent>(),
  emits: list<OutgoingEvent>(),
  /** Questions the run does not wait for. */
  asks: list<ApprovalQuestion>(),
  decisions: list<Decision>(),
  progress: Annotation<Progress>({ reducer: (left, right) => ({ ...left, ...right }), default: () => ({}) }),
}

export type AgentStateValues = {
  event: IncomingEvent
  emits: OutgoingEvent[]
  asks: ApprovalQuestion[]
  decisions: Decision[]
  progress: Progress
}
