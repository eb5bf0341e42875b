import type { Topic } from './events/events.ts'
import type { ToolId } from './tools/index.ts'

/** The one pipeline table: who listens to what, says what, and may call which tools. Everything else about the flow derives from it. */
export const chain = {
  planner: {
    consumes: ['feed.delivered', 'approval.decided'],
    emits: ['contract.ready', 'approval.requested', 'run.failed'],
    nodes: ['inspect', 'recall', 'propose', 'consult', 'settle', 'read', 'review', 'record'],
    tools: [
      'filesystem.stat_file',
      'filesystem.inspect_file',
      'metadata.get_policies',
      'metadata.get_standard',
      'metadata.get_vendor',
      'metadata.get_contract',
      'metadata.put_contract',
      'metadata.record_decisions',
    ],
  },
  ingestion: {
    consumes: ['contract.ready'],
    emits: ['bronze.loaded', 'run.failed'],
    nodes: ['plan', 'compile', 'load', 'account'],
    tools: [
      'filesystem.stat_file',
      'metadata.get_contract',
      'metadata.get_policies',
      'lakehouse.table_history',
      'lakehouse.list_engines',
      'lakehouse.create_table',
      'lakehouse.run_load_plan',
      'lakehouse.find_write',
    ],
  },
  modeling: {
    consumes: ['bronze.loaded', 'core.refused', 'approval.decided'],
    emits: ['core.staged', 'approval.requested', 'run.failed'],
    nodes: ['recall', 'map', 'consult', 'review', 'compile', 'stage'],
    tools: [
      'metadata.get_standard',
      'metadata.get_rules',
      'metadata.get_vendor',
      'metadata.get_policies',
      'metadata.get_contract',
      'metadata.list_contracts',
      'metadata.get_mapping',
      'metadata.put_mapping',
      'metadata.record_decisions',
      'metadata.recall_decisions',
      'lakehouse.query',
      'lakehouse.stage_core',
      'lakehouse.stage_rollback',
      'lakehouse.mark_delivery',
      'lakehouse.find_write',
    ],
  },
  validator: {
    consumes: ['core.staged'],
    emits: ['core.published', 'core.refused', 'bronze.loaded', 'run.failed'],
    nodes: ['count', 'check', 'judge', 'publish', 'refuse'],
    tools: [
      'filesystem.count_records',
      'metadata.get_standard',
      'metadata.get_rules',
      'metadata.get_vendor',
      'metadata.get_policies',
      'metadata.get_contract',
      'metadata.get_mapping',
      'lakehouse.query',
      'lakehouse.publish',
      'lakehouse.discard_branch',
      'lakehouse.find_write',
    ],
  },
} as const satisfies Record<string, AgentRow>

/** What comes after a run's judgement: an agent that hears it works beside the run, whose state it leaves as it is. */
export const afterwards: readonly Topic[] = ['core.refused']

interface AgentRow {
  readonly consumes: readonly Topic[]
  readonly emits: readonly Topic[]
  /** The agent's LangGraph nodes in order, for people: the README's picture. */
  readonly nodes: readonly string[]
  /** Least privilege: `server.tool`, nothing else is reachable. */
  readonly tools: readonly ToolId[]
}

export type AgentName = keyof typeof chain
export const agentNames = Object.keys(chain) as AgentName[]

/** Consumer group of an agent: one per agent, whatever the number of its processes. */
export const consumerGroup = (agent: AgentName): string => `aiworkflow.${agent}`

/** Partitions of every topic on the embedded bus. */
export const localPartitions = 8
