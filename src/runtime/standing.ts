import type { RunnableConfig } from '@langchain/core/runnables'
import { ApprovalQuestion } from '../../contracts/data/approval.ts'
import type { AgentGraph } from './define-agent.ts'

/** What LangGraph says of a thread. */
export interface Standing {
  readonly started: boolean
  readonly finished: boolean
  readonly interrupts: readonly { readonly id: string; readonly question: ApprovalQuestion }[]
  readonly values: Record<string, unknown>
  /** Its last checkpoint; a thread that never got so far has none. */
  readonly checkpointId: string | undefined
  readonly next: readonly string[]
}

export async function standingOf(graph: AgentGraph, config: RunnableConfig): Promise<Standing> {
  const state = await graph.getState(config)
  const interrupts = state.tasks.flatMap(task =>
    task.interrupts.map(interrupt => ({ id: interrupt.id ?? '', question: ApprovalQuestion.parse(interrupt.value) })),
  )
  const started = 'event' in state.values
  return {
    started,
    // Not `next`: it leaves out a task whose result is kept while the checkpoint that ends its step is not.
    finished: started && state.tasks.length === 0,
    interrupts,
    values: state.values,
    checkpointId: state.config.configurable?.['checkpoint_id'] as string | undefined,
    next: state.next,
  }
}
